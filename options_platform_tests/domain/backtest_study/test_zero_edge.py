"""Without an edge no strategy earns: geometric Brownian paths, flat volatility, no costs.

The drift is r - q and every option is quoted at the volatility of the paths, so the discounted
profit of every strategy has mean zero, however and whenever it is closed.
"""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.backtest import AssignmentRules, BacktestMarket, run_backtest
from options_platform.domain.calendar.expiries import choose_expiries
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain import (
    Underlying,
    option_sign,
    snap_strike,
    strike_nearest_delta,
    strike_step,
    years_of,
)
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.settings import make_settings
from options_platform_tests.domain.backtest.small import FLAT, FREE

VOL, TICKERS, EVERY = 0.2, 110, 23
# Chosen so that the standard error of the mean is small relative to the maximum loss.
DELTA = {"debit": 0.5, "credit": 0.3}
WIDTH = dict.fromkeys(STRATEGIES, 10.0) | {"iron_butterfly": 25.0}
QUICK = ("bull_put_spread",)
# Five weekly expiries are listed at any time.
DAYS = sessions(date(2013, 1, 2), date(2023, 12, 29))
RATE, YIELD = FLAT.risk_free_rate, FLAT.dividend_yield


@pytest.fixture(scope="module")
def brownian():
    """Paths of independent tickers, in calendar time like the pricing."""
    random = np.random.default_rng(20240102)
    days = np.array(DAYS, dtype="datetime64[D]")
    years = np.diff(days).astype(float) / 365.0
    steps = random.standard_normal((len(years), TICKERS)) * VOL * np.sqrt(years)[:, None]
    drift = (RATE - YIELD - VOL**2 / 2) * years
    # A high starting price makes rounding to cents small relative to the widths.
    close = 400.0 * np.exp(np.vstack([np.zeros(TICKERS), np.cumsum(steps + drift[:, None], 0)]))
    # Each ticker restarts near 400 every EVERY sessions; a trade depends on the returns only.
    blocks = np.arange(len(days)) // EVERY * EVERY
    return BacktestMarket(
        sessions=DAYS,
        tickers=[f"T{n:03d}" for n in range(TICKERS)],
        close=close,
        factor=400.0 / close[blocks] * (close[blocks] > 0),
        dividend=np.zeros_like(close),
        index=np.full_like(close, VOL),
        interest=np.zeros(len(days)),
        yield_stale=np.zeros(len(days), dtype=bool),
    )


def planned(strategy, market):
    """Plans of the strategy on every ticker, every `EVERY` sessions."""
    at = np.arange(0, len(DAYS) - 40, EVERY)
    days = np.repeat(market.days[at], TICKERS)
    ticker = np.tile(np.array(market.tickers), len(at))
    spot = (market.close * market.factor)[at].ravel()
    assert spot == pytest.approx(np.full(len(spot), 400.0))
    names = ticker.tolist()
    far = choose_expiries(days, np.full(len(days), 30), 14, 45, names)
    near = choose_expiries(days, np.full(len(days), 16), 10, 21, names)
    assert (near < far).all()
    years, index = years_of((far - days).astype(np.int64)), np.full(len(days), VOL)
    underlying = Underlying.of(names, days, spot, index)
    step, delta = strike_step(underlying), np.full(len(days), DELTA[strategy.kind])
    ids = [f"{day}-{name}" for day, name in zip(days, ticker, strict=True)]
    shared = {"date": days, "ticker": ticker, "plan_id": ids}
    legs = []
    for leg_number, leg in enumerate(strategy.legs, start=1):
        sign = option_sign(np.full(len(days), leg.right))
        anchor = (
            snap_strike(spot, step)
            if strategy.centred
            else strike_nearest_delta(underlying, years, sign, delta, FLAT)
        )
        legs.append(
            pl.DataFrame(
                shared
                | {
                    "leg": leg_number, "side": leg.side, "right": leg.right, "ratio": 1,
                    "strike": anchor + sign * WIDTH[strategy.name] * (leg.role == "wing"),
                    "expiry": near if leg.role == "near" else far,
                }
            )
        )  # fmt: skip
    plans = pl.DataFrame(
        shared
        | {
            "decision": "trade", "strategy": strategy.name, "contracts": 1, "limit_price": 0.0,
            "max_loss_usd": 1e6, "max_profit_usd": 1e6, "reasons": [["X"]] * len(days),
        }
    )  # fmt: skip
    return tuple(
        pl.concat([table.empty(), frame.cast({n: table.schema[n] for n in frame.columns})],
                  how="diagonal")
        for frame, table in ((plans, TRADE_PLAN), (pl.concat(legs), TRADE_PLAN_LEGS))
    )  # fmt: skip


def discounted(trades):
    """Present value of the profit at entry, USD a share: discounted exit less entry price."""
    years = trades["days_held"].to_numpy() / 365.0
    return (
        trades["exit_price"].to_numpy() * np.exp(-RATE * years) - trades["entry_price"].to_numpy()
    )


@pytest.mark.parametrize(
    "exits",
    [pytest.param(None, id="held"), pytest.param(ExitRules(), id="exits", marks=pytest.mark.long)],
)
@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param(s, id=name, marks=() if name in QUICK else pytest.mark.long)
        for name, s in STRATEGIES.items()
    ],
)
def test_no_strategy_earns_or_loses_without_an_edge(brownian, strategy, exits):
    require_no_edge(brownian, strategy, exits)


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["bull_put_spread", "bull_call_spread"])
def test_the_exits_of_the_ladder_earn_nothing_without_an_edge(brownian, strategy):
    exits = make_settings({"rule_set": "premium_ladder"}).exits
    require_no_edge(brownian, STRATEGIES[strategy], exits)


def require_no_edge(brownian, strategy, exits):
    rules = replace(FREE, exits=exits, assignment=AssignmentRules(enabled=False))
    result = run_backtest(*planned(strategy, brownian), brownian, rules)
    trades = result.trades.drop_nulls("closed_on")
    assert trades.height > 10_000
    profits = discounted(trades)
    error = np.std(profits) / np.sqrt(len(profits))
    # Maximum loss: the debit of a debit spread, the width less the credit of a credit spread. A
    # naked position has none, so its margin is used, a fifth of the spot.
    price = trades["entry_price"].mean()
    most = price if price > 0 else WIDTH[strategy.name] + price if strategy.defined_risk else 80.0
    assert error < 0.01 * most
    assert abs(profits.mean()) < 4 * error
