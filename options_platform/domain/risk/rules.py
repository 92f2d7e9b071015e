"""The settings of the risk manager."""

from __future__ import annotations

from dataclasses import dataclass, field


def _groups() -> dict[str, str]:
    return dict.fromkeys(("SPY", "QQQ", "IWM", "DIA", "VOO", "IVV"), "us_equity_index")


@dataclass(frozen=True)
class GreekLimits:
    """The most that the whole account may carry, each as a fraction of the account's value.

    `delta_pct` bounds the beta-weighted dollar delta (what a 100% move of the market would bring
    if delta stayed), `gamma_pct` its change for a move of 1%, `vega_pct` the profit or loss for one
    point of volatility, `theta_pct` the decay of one calendar day.
    """

    delta_pct: float = 1.0
    gamma_pct: float = 0.20
    vega_pct: float = 0.01
    theta_pct: float = 0.01


@dataclass(frozen=True)
class KillSwitchRules:
    """Losses that stop all entries until a person resets the switch; fractions.

    `max_daily_loss_pct` is of the equity at the close before, `max_drawdown_pct` of the highest
    equity since the last reset.
    """

    max_daily_loss_pct: float = 0.03
    max_drawdown_pct: float = 0.15


@dataclass(frozen=True)
class RiskRules:
    """Limits on what is open and working together. `max_*_risk_pct` are sums of maximum losses as
    fractions of the account's value.

    `groups` names the tickers that move together and count as one against `max_group_risk_pct`; a
    ticker without a group is its own. `betas` are those to the market that deltas are weighted by;
    1 where none is given.
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
        """Rules that refuse nothing, for comparisons that are to hold whatever they like."""
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
        """The group that the ticker counts in; its own name where it has none."""
        return self.groups.get(ticker, ticker)
