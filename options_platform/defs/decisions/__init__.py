"""The assets `regime` and `trade_plan`."""
