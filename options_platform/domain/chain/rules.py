"""Settings of option chains."""

from __future__ import annotations

from dataclasses import dataclass, field

from options_platform.domain.chain import calibration
from options_platform.domain.chain.surface import SurfaceRules


@dataclass(frozen=True)
class ChainRules:
    """Rates, the synthetic volatility surface and the synthetic bid-ask width.

    Rates are annualised fractions, continuously compounded. `risk_free_rate` is used on real
    chains, and on days without a stored short rate. `width` holds a, b, c and d of
    ln(width / 0.01 USD) = a + b ln(vega / 0.1 USD) + c ln(atm / 0.20) + d ln(T / 30 days), vega in
    USD a vol point; `width_scale` multiplies the result. A quote is never tighter than one cent.

    Raises ValueError for a width without four numbers, a negative scale or a rate of 100% or more.
    """

    risk_free_rate: float = 0.03
    dividend_yield: float = 0.015
    surface: SurfaceRules = field(default_factory=SurfaceRules)
    width: tuple[float, ...] = calibration.WIDTH
    width_scale: float = 1.0

    def __post_init__(self) -> None:
        if len(self.width) != 4 or self.width_scale < 0:
            raise ValueError("width holds four numbers, and width_scale is not negative")
        for name in ("risk_free_rate", "dividend_yield"):
            if not abs(getattr(self, name)) < 1.0:
                raise ValueError(f"{name} is a fraction a year, like 0.03")
