"""Settings of option chains."""

from __future__ import annotations

from dataclasses import dataclass, field

from options_platform.domain.chain.stock_quotes import StockQuoteRules
from options_platform.domain.chain.surface import SurfaceRules
from options_platform.domain.chain.width import WidthRules


@dataclass(frozen=True)
class ChainRules:
    """Rates, the synthetic volatility surface and the synthetic bid-ask width.

    Rates are annualised fractions, continuously compounded. `risk_free_rate` is used on real
    chains, and on days without a stored short rate. `width_scale` multiplies the modelled width of
    `width`, and that of `stocks` it once more for stocks. A quote is never tighter than one tick.

    Raises ValueError for a negative scale or a rate of 100% or more.
    """

    risk_free_rate: float = 0.03
    dividend_yield: float = 0.015
    surface: SurfaceRules = field(default_factory=SurfaceRules)
    width: WidthRules = field(default_factory=WidthRules)
    width_scale: float = 1.0
    stocks: StockQuoteRules = field(default_factory=StockQuoteRules)

    def __post_init__(self) -> None:
        if self.width_scale < 0:
            raise ValueError("width_scale is not negative")
        for name in ("risk_free_rate", "dividend_yield"):
            if not abs(getattr(self, name)) < 1.0:
                raise ValueError(f"{name} is a fraction a year, like 0.03")
