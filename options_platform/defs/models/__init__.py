"""The assets `direction_model` and `volatility_model`, their checks, and the study."""
