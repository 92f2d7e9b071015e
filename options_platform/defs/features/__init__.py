"""The assets `features` and `labels`."""
