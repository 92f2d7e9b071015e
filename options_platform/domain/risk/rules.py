"""Settings of risk management."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


def _groups() -> dict[str, str]:
    return dict.fromkeys(("SPY", "QQQ", "IWM", "DIA", "VOO", "IVV"), "us_equity_index")


@dataclass(frozen=True)
class GreekLimits:
    """Highest greeks of the whole account, each as a fraction of the account value.

    `delta_pct` limits the beta-weighted dollar delta (P&L of a 100% market move at constant delta),
    `gamma_pct` its change for a 1% move, `vega_pct` the P&L per vol point, `theta_pct` the P&L per
    calendar day.
    """

    delta_pct: float = 1.0
    gamma_pct: float = 0.20
    vega_pct: float = 0.01
    theta_pct: float = 0.01


@dataclass(frozen=True)
class KillSwitchRules:
    """Losses that halt all entries until a person resets the switch, as fractions.

    `max_daily_loss_pct` refers to the equity at the previous close, `max_drawdown_pct` to the
    highest equity since the last reset.
    """

    max_daily_loss_pct: float = 0.03
    max_drawdown_pct: float = 0.15


@dataclass(frozen=True)
class GapRules:
    """The most that all open positions, working entries and an entry may lose together in one gap:
    `max_loss_pct` of the account value, by default as much as `max_total_risk_pct`; none asks
    nothing. In a gap all tickers move at once by one of `moves` (fractions of the spot, times the
    ticker's beta) before anything can be closed. After a fall the volatility index is higher by
    `vol_rise` times the fall (both relative). The moves are -20%, and beyond the worst overnight
    moves of SPY and QQQ from 2000 to 2024: -10.4% on 2020-03-16 and +6.9% on 2000-12-08. A single
    stock moves further."""

    max_loss_pct: float | None = 0.10
    moves: tuple[float, ...] = (-0.20, -0.105, 0.07)
    vol_rise: float = 5.0

    def __post_init__(self) -> None:
        if self.max_loss_pct is not None and not self.max_loss_pct > 0.0:
            raise ValueError("gap.max_loss_pct is above 0, or none")
        if not self.moves or not all(-1.0 < move < 10.0 for move in self.moves):
            raise ValueError("gap.moves are fractions of the spot above -1, at least one")
        if not 0.0 <= self.vol_rise < math.inf:
            raise ValueError("gap.vol_rise must not be negative")


@dataclass(frozen=True)
class SetLimits:
    """Limits of one rule set on its own open positions and working entries together, beside those
    of the account, which they never widen. `max_total_risk_pct` limits the sum of their maximum
    losses, as a fraction of the set's budget: its share of the account value (`budgets`), or all of
    it. Where several sets trade at once it is at most `risk.max_total_risk_pct`, which is the limit
    where it is none; a set that trades alone then has those of the account alone."""

    max_positions: int | None = None
    max_total_risk_pct: float | None = None

    def __post_init__(self) -> None:
        if self.max_positions is not None and self.max_positions < 1:
            raise ValueError("limits.max_positions is at least 1, or none")
        if self.max_total_risk_pct is not None and not self.max_total_risk_pct > 0.0:
            raise ValueError("limits.max_total_risk_pct is above 0, or none")


@dataclass(frozen=True)
class RiskRules:
    """Limits on open positions and working entries together.

    `max_*_risk_pct` limit sums of maximum losses, as fractions of the account value. `groups` maps
    tickers that move together to a group, limited by `max_group_risk_pct`; a ticker without a group
    is a group of its own. `betas` to the market weight the deltas; of a ticker without one it is
    the measured one (`beta_252x`, in homes with a company), else 1.
    """

    max_positions: int = 6
    max_positions_per_ticker: int = 2
    max_trade_risk_pct: float = 0.03
    max_ticker_risk_pct: float = 0.05
    max_expiry_risk_pct: float = 0.06
    max_group_risk_pct: float = 0.08
    max_total_risk_pct: float = 0.10
    groups: dict[str, str] = field(default_factory=_groups, metadata={"keys": "tickers"})
    betas: dict[str, float] = field(default_factory=dict, metadata={"keys": "tickers"})
    greeks: GreekLimits = field(default_factory=GreekLimits)
    gap: GapRules = field(default_factory=GapRules)
    kill_switch: KillSwitchRules = field(default_factory=KillSwitchRules)

    @classmethod
    def unlimited(cls) -> RiskRules:
        """Rules that refuse nothing, for comparisons without limits."""
        none = float("inf")
        return cls(
            max_positions=10**9,
            max_positions_per_ticker=10**9,
            max_trade_risk_pct=none,
            max_ticker_risk_pct=none,
            max_expiry_risk_pct=none,
            max_group_risk_pct=none,
            max_total_risk_pct=none,
            greeks=GreekLimits(none, none, none, none),
            gap=GapRules(None),
            kill_switch=KillSwitchRules(none, none),
        )

    def filled(self, measured: Mapping[str, float]) -> RiskRules:
        """The rules with the measured betas of the tickers for which none is set."""
        added = {ticker: beta for ticker, beta in measured.items() if ticker not in self.betas}
        return replace(self, betas={**self.betas, **added}) if added else self

    def group(self, ticker: str) -> str:
        """The group of the ticker; the ticker itself if it has none."""
        return self.groups.get(ticker, ticker)
