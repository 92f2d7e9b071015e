"""The names of the regimes, in the seed's order of precedence."""

REGIMES = ("low_vol", "high_vol", "iv_expansion", "iv_contraction", "neutral")
