"""Names of the volatility regimes, in order of precedence."""

REGIMES = ("low_vol", "high_vol", "iv_expansion", "iv_contraction", "neutral")
