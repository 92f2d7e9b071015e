"""The settings of chains."""

from __future__ import annotations

from dataclasses import dataclass, field

from options_platform.domain.chain import calibration
from options_platform.domain.chain.surface import SurfaceRules


@dataclass(frozen=True)
class ChainRules:
    """Rates (annualised, continuously compounded), the synthetic surface, the quoted width.

    `risk_free_rate` serves where no short rate of the day is stored, and on real chains.
    `width` holds a, b, c and d of ln(width / 0.01 USD) = a + b ln(vega / 0.1 USD) + c ln(atm /
    0.20) + d ln(T / 30 days), vega in USD a vol point; a quote is never tighter than a cent.
    `width_scale` multiplies it.
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
