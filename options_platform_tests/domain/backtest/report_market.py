"""A stock at 100 USD that reports after the close of 2024-01-10, with hand-made quotes.

Options expire on 2024-01-12, the first date after the reaction, and on 2024-02-02, three weeks on.
Quotes are a mid, with a nickel to either side from a dollar on, two cents from ten cents on, and a
cent below.
"""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from options_platform.domain.backtest import BacktestRules
from options_platform.domain.backtest.real_quotes import CHAIN_QUOTES
from options_platform.domain.chain import Chain
from options_platform.domain.chain.chain import CHAIN_SCHEMA
from options_platform.domain.earnings.blackout import Known, ReportAhead, known_by_session
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.earnings.trade_rules import EarningsTradeRules
from options_platform.domain.planning.conditions.blackout import report_columns
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.risk import RiskRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.fill_prices import FillRules
from options_platform.testing.plan_rows import one
from options_platform_tests.domain.backtest.small import market
from options_platform_tests.recorded_reports import answered

PLANNED, ANCHOR, REACTION = date(2024, 1, 9), date(2024, 1, 10), date(2024, 1, 11)
FRONT, BACK = date(2024, 1, 12), date(2024, 2, 2)
QUARTERS = [date(2023, 7, 12), date(2023, 10, 11), ANCHOR, date(2024, 4, 10)]
BEFORE = {
    "call": {95.0: 5.8, 97.5: 4.0, 100.0: 2.5, 102.5: 1.4, 105.0: 0.7, 107.5: 0.3, 110.0: 0.1},
    "put": {90.0: 0.1, 92.5: 0.3, 95.0: 0.7, 97.5: 1.4, 100.0: 2.5, 102.5: 4.0, 105.0: 5.8},
}
AFTER = {
    "call": {95.0: 8.05, 97.5: 5.6, 100.0: 3.3, 102.5: 1.35, 105.0: 0.4, 107.5: 0.1, 110.0: 0.02},
    "put": {90.0: 0.02, 92.5: 0.02, 95.0: 0.03, 97.5: 0.08, 100.0: 0.28, 102.5: 0.85, 105.0: 2.4},
}
LATER = {PLANNED: 5.0, ANCHOR: 5.0, REACTION: 6.4}
"""Mids of the call at 100 USD that expires on BACK."""
SPOTS = {PLANNED: 100.0, ANCHOR: 100.0, REACTION: 103.0}


def half_spread(mid):
    return 0.05 if mid >= 1.0 else 0.02 if mid >= 0.1 else 0.01


def rows_of(day):
    mids = BEFORE if day < REACTION else AFTER
    listed = [(FRONT, r, k, m) for r, of in mids.items() for k, m in of.items()]
    for expiry, right, strike, mid in [*listed, (BACK, "call", 100.0, LATER[day])]:
        bid, ask = (round(mid + sign * half_spread(mid), 2) for sign in (-1, 1))
        yield {"expiry": expiry, "right": right, "strike": strike, "bid": bid, "mid": mid,
               "ask": ask, "iv": 0.6, "delta": 0.3 if right == "call" else -0.3,
               "volume": 500.0, "open_interest": 5000.0}  # fmt: skip


class Quotes:
    """The stored chains of the stock."""

    fingerprint = "by hand"

    def chain(self, day, ticker):
        if day not in SPOTS or ticker != "NVDA":
            return None
        frame = pl.DataFrame(list(rows_of(day)), schema=CHAIN_SCHEMA)
        return Chain(day, ticker, SPOTS[day], "real", frame.sort("expiry", "right", "strike"))

    def days(self, ticker):
        return np.array(list(SPOTS), dtype="datetime64[D]")

    def quotes(self, wanted):
        every = [
            row
            | {"date": day, "ticker": "NVDA", "last_day": row["expiry"], "spot": SPOTS[day],
               "contract_symbol": f"{row['expiry']}{row['right']}{row['strike']}",
               "years": (row["expiry"] - day).days / 365.0, "quality": None}
            for day in SPOTS
            for row in rows_of(day)
        ]  # fmt: skip
        frame = pl.DataFrame([{k: row[k] for k in CHAIN_QUOTES} for row in every], CHAIN_QUOTES)
        return frame.join(wanted, on=["date", "ticker", "last_day"], how="semi")


def stock_market(known=None):
    """The market to the end of March; `known` is what each close knew of reports."""
    made = market({"NVDA": [100.0] * 6 + [103.0] * 55}, index=60.0)
    dates = KnownDates("NVDA", answered("NVDA", QUARTERS), EarningsRules())
    known = known or known_by_session(dates, made.sessions)
    return replace(made.with_reports({"NVDA": known}), chains=Quotes())


def row(ratio=1.3, **changes):
    """The planning inputs of the session before the anchor."""
    known = Known(ReportAhead(ANCHOR, "confirmed", ANCHOR), is_dated=True)
    values = {"date": PLANNED, "ticker": "NVDA", "close": 100.0, "iv_close": 60.0} | changes
    report = report_columns([changes.pop("known", known)])
    values.pop("known", None)
    return one(**{k: v for k, v in values.items() if k not in report}).with_columns(
        **report,
        priced_move=pl.lit(0.05, pl.Float64),
        priced_ratio=pl.lit(ratio, pl.Float64),
    )


def plan_rules(strategy="earnings_iron_condor", **changes):
    side = "buy" if "long" in strategy else "sell"
    trades = EarningsTradeRules(**({"enabled": True, side: strategy} | changes))
    return PlanRules(
        sizing=SizingRules(account_value_usd=1e6, max_contracts=1),
        costs=CostRules(0.5),
        allow_undefined_risk=True,
        earnings_trades=trades,
    )


def backtest_rules(rules):
    return BacktestRules(
        start_usd=1e6, sizing=rules.sizing, risk=RiskRules.unlimited(), fills=FillRules("mid"),
        costs=rules.costs, chain=rules.chain, earnings_trades=rules.earnings_trades,
    )  # fmt: skip
