"""An account at the fake Alpaca server, and trade plans for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.services.trading.session import TradingSession
from options_platform.settings import make_settings
from options_platform.testing.plan_rows import one

SESSION = date(2015, 1, 2)
NOW = datetime(2015, 1, 5, 10, 0, tzinfo=NEW_YORK)
WIDE = dict.fromkeys(("delta_pct", "gamma_pct", "vega_pct", "theta_pct"), 9.0)
TICKERS = ("SPY", "QQQ", "IWM")


def server(**options: Any) -> FakeAlpaca:
    """A fake Alpaca server with its clock fixed at :data:`NOW`."""
    return FakeAlpaca(now=lambda: NOW, **options)


def trader(
    home: Path, address: str, at: Callable[[str], None] | None = None, **changes: Any
) -> TradingSession:
    """A trading session against that server, with the ledger in `home`.

    `changes` override settings; `at` is called with the name of each step of an order.
    """
    settings = make_settings(
        {
            "home": home,
            "source": "simulated",
            "broker": "alpaca",
            "alpaca": {"fake_address": address, "timeout_seconds": changes.pop("timeout", 2)},
            "warehouse_wait_seconds": changes.pop("wait", 60),
            "ladder": {"rungs": 3, "rung_seconds": 60},
            "reconcile": {"doubt_seconds": changes.pop("doubt", 0)},
            # The greek limits must not stop three spreads at once.
            "risk": {"greeks": WIDE},
            # Room for all planned spreads at the last price of the ladder.
            "plan": {"sizing": {"risk_pct": 0.025}},
            **changes,
        }
    )
    made = TradingSession(open_ledger(settings), open_broker(settings), settings)
    return made if at is None else TradingSession(made.ledger, made.broker, settings, at)


def plans_of(
    tickers: Sequence[str] = ("SPY",), session: date = SESSION, **changes: object
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A trade plan for each ticker, and its legs; `changes` override the planning inputs."""
    rows = pl.concat(
        one(**changes).with_columns(date=pl.lit(session), ticker=pl.lit(ticker))
        for ticker in tickers
    )
    return build_plans(rows, PlanRules())
