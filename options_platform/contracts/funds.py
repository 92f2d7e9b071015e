"""Funds and indices with listed options: they report no earnings. Any other ticker may be a stock.

The one list of them. The setting `plan.chain.surface.funds` names further ones.
"""

INDEX_ETFS = ("SPY", "QQQ", "IWM", "DIA")
"""The universe `index_etfs`."""

INDEX_FUNDS = (*INDEX_ETFS, "VOO", "IVV", "VTI")
"""Funds on broad indices of United States stocks, whose options have the skew of an index. A fund
on gold, bonds or one industry has not."""

FUNDS = frozenset({
    *INDEX_FUNDS, "RSP", "MDY", "SPX", "XSP", "NDX", "RUT",
    "EEM", "EFA", "EWZ", "FXI", "GLD", "SLV", "GDX", "GDXJ", "USO", "UNG", "TLT", "IEF", "HYG",
    "LQD", "XLB", "XLC", "XLE", "XLF", "XLI", "XLK", "XLP", "XLRE", "XLU", "XLV", "XLY", "XBI",
    "XOP", "KRE", "SMH", "ARKK", "VXX", "UVXY", "TQQQ", "SQQQ",
})  # fmt: skip
"""All that are known."""
