"""An account at the simulated broker, and plans and markets for its sessions."""

from dataclasses import replace
from datetime import date

import polars as pl

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.services.trading.session import TradingSession
from options_platform.settings import make_settings
from options_platform.testing.market import NOW
from options_platform.testing.plan_rows import one

DAYS = sessions(date(2015, 1, 2), date(2015, 3, 31))


LIMITS = ("trade", "ticker", "expiry", "group", "total")


WIDE_RISK = {
    **{f"max_{name}_risk_pct": 1.0 for name in LIMITS},
    "greeks": dict.fromkeys(("delta_pct", "gamma_pct", "vega_pct", "theta_pct"), 99.0),
    "gap": {"max_loss_pct": 1.0},
}


class Spent:
    """The account of another broker, with its cash withdrawn."""

    def __init__(self, broker):
        self._broker = broker

    def __getattr__(self, name):
        return getattr(self._broker, name)

    def account(self):
        return replace(self._broker.account(), cash_usd=1_000.0)


def service(tmp_path, **changes):
    made = make_settings({"home": tmp_path, "source": "simulated", **changes})
    return TradingSession(Ledger(made.ledger_path), open_broker(made), made)


def planned(day, **changes):
    rows = one(**changes).with_columns(date=pl.lit(day))
    return build_plans(rows, PlanRules())


def planned_with(made, day):
    rows = one().with_columns(date=pl.lit(day))
    return build_plans(rows, made.settings.plan)


def market(closes, iv=0.18):
    return {
        day: {"SPY": MarketClose(float(close), iv, ticker="SPY")}
        for day, close in zip(DAYS, closes, strict=False)
    }


def trade(made, closes, *, until=None, iv=0.18):
    plans, legs = planned(DAYS[0])
    # Opening the two files takes longer than most of what is done with them.
    made.ledger.path.parent.mkdir(parents=True, exist_ok=True)
    with made.ledger.holding(), held(made.broker.path, wait_seconds=10.0):
        for day in DAYS[: until or len(closes)]:
            made.run_session(day, plans, legs, market(closes, iv), NOW)
    return made.ledger
