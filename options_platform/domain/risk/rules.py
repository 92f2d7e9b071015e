"""Settings of risk management."""

from __future__ import annotations

from dataclasses import dataclass, field


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
class RiskRules:
    """Limits on open positions and working entries together.

    `max_*_risk_pct` limit sums of maximum losses, as fractions of the account value. `groups` maps
    tickers that move together to a group, limited by `max_group_risk_pct`; a ticker without a group
    is a group of its own. `betas` to the market weight the deltas; 1 if missing.
    """

    max_positions: int = 6
    max_positions_per_ticker: int = 2
    max_trade_risk_pct: float = 0.03
    max_ticker_risk_pct: float = 0.05
    max_expiry_risk_pct: float = 0.06
    max_group_risk_pct: float = 0.08
    max_total_risk_pct: float = 0.10
    groups: dict[str, str] = field(default_factory=_groups)
    betas: dict[str, float] = field(default_factory=dict)
    greeks: GreekLimits = field(default_factory=GreekLimits)
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
            kill_switch=KillSwitchRules(none, none),
        )

    def group(self, ticker: str) -> str:
        """The group of the ticker; the ticker itself if it has none."""
        return self.groups.get(ticker, ticker)
