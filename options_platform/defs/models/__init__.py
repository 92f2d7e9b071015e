"""The assets `direction_model` and `volatility_model`, their checks, and the backfill's study."""
