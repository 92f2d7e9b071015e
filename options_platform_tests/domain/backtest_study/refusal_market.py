"""Brownian paths at a flat volatility, without costs, and inputs of plans that refuse at random."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from options_platform.domain.backtest import AssignmentRules, BacktestRules, make_market
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.trading.costs import CostRules
from options_platform_tests.domain.backtest.small import FLAT, FREE

VOL = 0.2
DAYS = sessions(date(2015, 1, 2), date(2017, 8, 31))
TICKERS = ("AAA", "BBB")

PLAN = PlanRules(chain=FLAT, costs=CostRules(0.0))
RULES = replace(FREE, assignment=AssignmentRules(enabled=False), sizing=PLAN.sizing)
"""No limits and no costs: nothing that one trade does changes another."""


def bull_puts(**selection):
    """A plan of a bull put spread in every session."""
    return replace(PLAN, selection=SelectionRules(strategy="bull_put_spread", **selection))


def limited(**risk):
    """The rules with limits of the account."""
    return replace(RULES, risk=replace(BacktestRules().risk, **risk))


def closes(days=DAYS, tickers=TICKERS, seed=7):
    """Paths that earn the rate less the dividend yield, shape [sessions, tickers]."""
    random = np.random.default_rng(seed)
    years = np.diff(np.array(days, dtype="datetime64[D]")).astype(float)[:, None] / 365.0
    steps = random.standard_normal((len(years), len(tickers))) * VOL * np.sqrt(years)
    drift = (FLAT.risk_free_rate - FLAT.dividend_yield - VOL**2 / 2) * years
    return 400.0 * np.exp(np.vstack([np.zeros(len(tickers)), np.cumsum(steps + drift, axis=0)]))


def rows(values, days=DAYS, tickers=TICKERS):
    """Values of shape [sessions, tickers] as one column, sorted by date and ticker."""
    return pl.DataFrame(
        {
            "date": pl.Series(np.repeat(np.array(days), len(tickers)).tolist(), dtype=pl.Date),
            "ticker": list(tickers) * len(days),
            "value": np.asarray(values).ravel(),
        }
    )


def market_of(close, days=DAYS, tickers=TICKERS):
    """The market of these closes."""
    bars = rows(close, days, tickers).rename({"value": "close"})
    bars = bars.with_columns(split_factor=1.0, dividend=0.0, bad_reason=pl.lit(None, pl.String))
    return make_market(bars, bars.select("date", "ticker", iv_close=pl.lit(100.0 * VOL)))


def inputs_of(close, days=DAYS, tickers=TICKERS, seed=3, **columns):
    """Inputs of plans: regimes, calls and forecasts at random, but for the `columns` given."""
    random = np.random.default_rng(seed)
    frame = rows(close, days, tickers).rename({"value": "close"})
    p = random.dirichlet([2.0, 2.0, 2.0], frame.height)
    names = np.array(["bearish", "neutral", "bullish"])
    regimes = np.array(["low_vol", "high_vol", "iv_expansion", "iv_contraction", "neutral"])
    made = {
        "split_factor": np.ones(frame.height),
        "bad_reason": pl.Series([None] * frame.height, dtype=pl.String),
        "vix": np.full(frame.height, 100.0 * VOL),
        "iv_close": np.full(frame.height, 100.0 * VOL),
        "iv_rank": random.uniform(0.0, 1.0, frame.height),
        "regime": regimes[random.integers(0, len(regimes), frame.height)],
        "direction": names[p.argmax(axis=1)],
        "p_bearish": p[:, 0], "p_neutral": p[:, 1], "p_bullish": p[:, 2],
        "confidence": (p.max(axis=1) - 1 / 3) * 1.5,
        "call_rank": random.uniform(0.0, 1.0, frame.height),
        "earlier_calls": np.full(frame.height, 500, dtype=np.int32),
        "iv_rank_change_pred": random.normal(0.0, 0.04, frame.height),
    }  # fmt: skip
    return frame.with_columns(
        **{
            name: pl.lit(values) if np.isscalar(values) else pl.Series(name, values)
            for name, values in (made | columns).items()
        }
    )
