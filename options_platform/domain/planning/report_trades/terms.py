"""The expiries and the size of a trade of a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.calendar.expiries import listed_expiries
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES, EarningsTradeRules
from options_platform.domain.planning.expiries import NONE_LISTED, ChainOf, LegExpiries
from options_platform.domain.risk.sizing import SizingRules, VolTarget
from options_platform.domain.strategies.base import Strategy


@dataclass(frozen=True)
class ReportSizing(SizingRules):
    """Sizing rules whose budget neither a confidence nor votes scale."""

    def share_of_budget(self, confidence: Floats, votes: Floats | None) -> Floats:  # noqa: ARG002
        """All of it, shape [rows]."""
        return np.ones_like(confidence)


def report_sizing(sizing: SizingRules, rules: EarningsTradeRules) -> SizingRules:
    """How an earnings trade is sized in an account that sizes others by `sizing`.

    The budget is `trade_share` of the others', one contract may take `anchor_share`; regimes,
    volatility targets, votes and confidence scale neither.
    """
    of_budget = rules.trade_share / rules.anchor_share
    return ReportSizing(
        account_value_usd=sizing.account_value_usd,
        risk_pct=sizing.risk_pct * rules.anchor_share,
        max_risk_usd=sizing.max_risk_usd,
        max_contracts=sizing.max_contracts,
        at_least_one=sizing.at_least_one,
        regime_multiplier=dict.fromkeys(sizing.regime_multiplier, of_budget),
        vol_target=VolTarget(),
    )


def sizing_for(strategy: str, sizing: SizingRules, rules: EarningsTradeRules) -> SizingRules:
    """`sizing`, or :func:`report_sizing` for an earnings strategy."""
    return report_sizing(sizing, rules) if strategy in EARNINGS_STRATEGIES else sizing


def report_expiries(
    rows: pl.DataFrame, strategy: Strategy, rules: EarningsTradeRules, chain_of: ChainOf | None
) -> LegExpiries:
    """The first expiry after the reaction, with a session left at its close, of each row.

    The bought leg of a calendar has the first expiry `calendar_days` later. On the stored chain of
    the row, else by the exchange's calendar. `rows` have `report_anchor`.
    """
    first, last = [], []
    for day, ticker, anchor in rows.select("date", "ticker", "report_anchor").iter_rows():
        listed = _listed(day, ticker, chain_of)
        reaction = shift(anchor, 1)
        near = min((each for each in listed if each > reaction), default=None)
        far = near
        if near is not None and not strategy.one_expiry:
            later = near + timedelta(days=rules.calendar_days)
            far = min((each for each in listed if each >= later), default=None)
        found = near is not None and far is not None
        first.append(np.datetime64(near, "D") if found else NONE_LISTED)
        last.append(np.datetime64(far, "D") if found else NONE_LISTED)
    return LegExpiries(*(np.array(dates, dtype="datetime64[D]") for dates in (first, last)))


def _listed(day: date, ticker: str, chain_of: ChainOf | None) -> list[date]:
    chain = None if chain_of is None else chain_of(day, ticker)
    return list(listed_expiries(ticker, day)) if chain is None else list(chain.expiries)
