"""The commands `backtest`, in all its forms, and `study`."""
