"""The same plans, traded by paper trading day by day and by the backtest at once."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.backtest import (
    BacktestMarket,
    BacktestResult,
    BacktestRules,
    make_market,
    run_backtest,
)
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.market.odd_splits import odd_splits, odd_splits_ahead
from options_platform.domain.planning.alternates import plans_of_sets
from options_platform.domain.planning.conditions.blackout import report_columns
from options_platform.services.planning.plan_tables import market_closes
from options_platform.services.trading.reports_ahead import ReportsAhead
from options_platform.services.trading.session import TradingSession
from options_platform.settings import Settings, make_settings
from options_platform.testing.market import NOW, random_market
from options_platform.testing.plan_inputs import plan_inputs
from options_platform_tests.alpaca_market import rules_of_a_paper_account
from options_platform_tests.regime_market import with_random_regimes

WIDE = {"delta_pct": 9.0, "gamma_pct": 9.0, "vega_pct": 9.0, "theta_pct": 9.0}
LIMITS = {"max_positions_per_ticker": 4, "max_positions": 7}
FIRST, LAST = date(2017, 4, 3), date(2017, 5, 31)


@dataclass(frozen=True)
class PaperRun:
    settings: Settings
    plans: pl.DataFrame
    legs: pl.DataFrame
    bars: pl.DataFrame
    vix: pl.DataFrame
    tenors: pl.DataFrame
    market: BacktestMarket
    rules: BacktestRules
    ledger: Ledger
    backtest: BacktestResult
    alternates: pl.DataFrame


def paper_run(
    home, *, dividend: float = 0.0, last: date = LAST, record: pl.DataFrame | None = None,
    split: tuple[date, float] | None = None, announced: bool = True, **changes: Any,
) -> PaperRun:  # fmt: skip
    """A run of two months, or to the session `last`; with a `dividend` each ticker has paid it
    every 63 sessions, with a `record` (rows of `earnings_known`) both report. A `split` is AAA's:
    its ex-date and new shares for one; closes and dividends as traded are the same up to then,
    and nobody knows of it before if it is not `announced`."""
    settings = make_settings(
        {"home": home, "source": "simulated", "tickers": ("AAA", "BBB"),
         "iron_condor_enabled": True, "fills": {"slippage_share": 0.2},
         "plan": {"costs": {"changes": {"2017-05-01": 0.50}}},
         "risk": {**LIMITS, "greeks": WIDE}, **changes}
    )  # fmt: skip
    bars, vix = random_market(("AAA", "BBB"), date(2015, 1, 2), last)
    number = pl.int_range(pl.len()).over("ticker", order_by="date")
    bars = bars.with_columns(
        dividend=pl.when(number % 63 == 18).then(pl.lit(dividend)).otherwise(0.0)
    )
    if split is not None:
        bars = _split(bars, *split)
    paid = bars.select("date", "ticker", "dividend")
    inside = pl.col("date").is_between(FIRST, last)
    inputs = with_random_regimes(plan_inputs(bars, vix).filter(inside))
    days = sessions(FIRST, last)
    reports = None if record is None else ReportsAhead(settings, lambda: record)
    known_splits = odd_splits(
        bars if announced and split is not None else bars.clear().with_columns(split_ratio=1.0)
    )
    if split is not None:
        odd = odd_splits_ahead(inputs, known_splits)
        inputs = inputs.join(odd, on=("date", "ticker"), how="left", maintain_order="left")
    known = {} if reports is None else {
        ticker: [reports.known(ticker, day) for day in days] for ticker in settings.tickers
    }  # fmt: skip
    if known:
        dated = pl.concat(
            pl.DataFrame({"date": days, "ticker": ticker}).with_columns(**report_columns(each))
            for ticker, each in known.items()
        )
        inputs = inputs.join(dated, on=("date", "ticker"), how="left", maintain_order="left")
    of_sets = [settings.of_set(name).plan for name in settings.traded_sets]
    (plans, legs), (alternates, their_legs) = plans_of_sets(inputs, of_sets)
    legs = pl.concat([legs, their_legs])
    bars, vix = bars.filter(inside), vix.filter(inside)

    broker = open_broker(settings)
    service = TradingSession(Ledger(settings.ledger_path), broker, settings, reports=reports)
    # Another term structure on each day, and none on every fifth.
    level = vix.filter(pl.col("ticker") == "AAA").sort("date")["vix"].to_numpy()
    shape = np.random.default_rng(9).uniform(0.9, 1.2, (3, len(days)))
    shape[:, ::5] = np.nan
    tenors = pl.DataFrame(
        {"date": days, "vix9d": shape[0] * level, "vix3m": shape[1] * level,
         "vix6m": shape[2] * level}
    )  # fmt: skip
    vix = vix.with_columns(vix=pl.col("vix").first().over("date"))
    closes = market_closes(bars, vix, tenors, paid, known_splits)
    with service.ledger.holding(), held(broker.path, wait_seconds=10.0):
        for day in days:
            today = plans.filter(pl.col("date") == day)
            service.run_session(day, today, legs, closes, NOW, alternates)

    market = make_market(
        bars, vix, tenors=tenors, dividends=paid, splits=known_splits
    ).with_reports(known)
    rules = rules_of_a_paper_account(settings)
    found = run_backtest(plans, legs, market, rules, alternates=alternates)
    return PaperRun(
        settings, plans, legs, bars, vix, tenors, market, rules, service.ledger, found, alternates
    )


def _split(bars: pl.DataFrame, on: date, ratio: float) -> pl.DataFrame:
    """The bars on the basis of after a split of AAA."""
    is_its, before = pl.col("ticker") == "AAA", pl.col("date") < on
    prices = pl.col("open", "high", "low", "close", "adj_close", "dividend")
    return bars.with_columns(
        pl.when(is_its).then(prices / ratio).otherwise(prices),
        split_ratio=pl.when(is_its & (pl.col("date") == on)).then(ratio).otherwise(1.0),
        split_factor=pl.when(is_its & before).then(ratio).otherwise(1.0),
    )
