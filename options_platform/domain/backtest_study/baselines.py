"""Baselines of a backtest: strategies without the model, and predictions without skill.

Plans of baselines run through the same engine and costs as the plans of the model. `chain_of` gives
the stored real chain of a date and ticker, from which they are planned like those of the model.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.calendar.expiries import choose_expiries
from options_platform.domain.chain import quote, snap_strike, strike_step, years_of
from options_platform.domain.chain.term_structure import row_underlying
from options_platform.domain.planning.expiries import ChainOf
from options_platform.domain.planning.plan import (
    SHARES,
    PlanRules,
    build_plans,
    plan_selected,
)
from options_platform.domain.planning.plan_rows import plan_id
from options_platform.domain.planning.selection import (
    NONE,
    asks_for_confidence,
    select_strategies,
)
from options_platform.domain.pricing import PUT

CLASSES = ("bearish", "neutral", "bullish")
CALL = ("direction", "call_rank", "earlier_calls")
PREDICTION = (*CALL, "p_bearish", "p_neutral", "p_bullish", "confidence")
HORIZON, THRESHOLD = 5, 0.01
ROLL_DTE, ROLL_RANGE = 30, (21, 40)
# Refusals that hold whatever is traded.
NOT_TRADED = ("BAD_BAR", "NO_VIX", "NO_REGIME", "NOT_ENTRY_DAY")

Frames = tuple[pl.DataFrame, pl.DataFrame]


def buy_and_hold(
    market: BacktestMarket, ticker: str, start_usd: float, since: date | None = None
) -> Floats:
    """Equity (USD) of buying and holding the ticker, dividends reinvested; shape [sessions].

    It is bought at the close of the first session from `since` on, by default of the first one.
    Without known dividends, dividend-adjusted closes are used. A session without a bar keeps the
    previous value; before the first bar the account is in cash.
    """
    column = market.tickers.index(ticker)
    close, paid = market.close[:, column], market.dividend[:, column]
    if market.adjusted is not None and np.isfinite(market.adjusted[:, column]).any():
        close, paid = market.adjusted[:, column], np.zeros(len(close))
    rows = np.arange(len(close))
    last = np.maximum.accumulate(np.where(np.isfinite(close), rows, -1))
    carried_close = np.where(last >= 0, close[np.maximum(last, 0)], np.nan)
    growth = np.ones(len(carried_close))
    growth[1:] = (carried_close[1:] + paid[1:]) / carried_close[:-1]
    if since is not None:
        growth[: int(np.searchsorted(market.days, np.datetime64(since, "D"))) + 1] = 1.0
    return np.asarray(start_usd * np.cumprod(np.where(np.isfinite(growth), growth, 1.0)))


def always(
    inputs: pl.DataFrame, strategy: str, rules: PlanRules, chain_of: ChainOf | None = None
) -> Frames:
    """Plans of one strategy on every entry day with complete data and a regime."""
    rows = select_strategies(inputs.sort("date", "ticker"), rules.selection)
    blocked = pl.col("refusal").is_in(NOT_TRADED).fill_null(value=False)
    rows = rows.with_columns(
        strategy=pl.when(blocked).then(pl.lit(NONE)).otherwise(pl.lit(strategy)),
        refusal=pl.when(blocked).then("refusal"),
        confidence=pl.lit(1.0),
        confident_call=pl.lit(value=False),
    )
    return plan_selected(rows, rules, chain_of)


def without_neutral(
    inputs: pl.DataFrame, rules: PlanRules, chain_of: ChainOf | None = None
) -> Frames:
    """The plans without the trades of the neutral regime, however confident their calls.

    The model's gain over them is what the level of confidence adds.
    """
    rows = select_strategies(inputs.sort("date", "ticker"), rules.selection)
    directional = asks_for_confidence(rules.selection)
    rows = rows.with_columns(
        strategy=pl.when(directional).then(pl.lit(NONE)).otherwise("strategy"),
        refusal=pl.when(directional & pl.col("refusal").is_null())
        .then(pl.lit("LOW_CONFIDENCE"))
        .otherwise("refusal"),
    )
    return plan_selected(rows, rules, chain_of)


def random_direction(
    inputs: pl.DataFrame, rules: PlanRules, seed: int = 0, chain_of: ChainOf | None = None
) -> Frames:
    """Plans from random directions, each class as frequent as in the model's predictions.

    A direction comes with its rank among earlier calls, so as many of them are confident.
    """
    random = np.random.default_rng(seed)
    predicted = inputs.filter(pl.col("direction").is_not_null())
    drawn = predicted.select(CALL)[random.permutation(predicted.height)]
    randomised = predicted.with_columns(drawn)
    return build_plans(_with_predictions(inputs, randomised, CALL), rules, chain_of)


def shuffled_signal(
    inputs: pl.DataFrame, rules: PlanRules, seed: int = 0, chain_of: ChainOf | None = None
) -> Frames:
    """Plans from the model's predictions, randomly permuted over the sessions of each ticker."""
    random = np.random.default_rng(seed)
    shuffled = []
    for _, of_ticker in inputs.filter(pl.col("direction").is_not_null()).group_by(
        "ticker", maintain_order=True
    ):
        order = random.permutation(of_ticker.height)
        shuffled.append(
            of_ticker.select("date", "ticker").hstack(of_ticker.select(PREDICTION)[order])
        )
    predicted = _with_predictions(inputs, pl.concat(shuffled), PREDICTION)
    return build_plans(predicted, rules, chain_of)


def oracle(inputs: pl.DataFrame, rules: PlanRules, chain_of: ChainOf | None = None) -> Frames:
    """Plans from the true direction of the next five sessions: an upper bound, no strategy."""
    ahead = pl.col("close").shift(-HORIZON).over("ticker") / pl.col("close") - 1.0
    move = inputs.sort("date", "ticker").with_columns(ahead=ahead)
    direction = (
        pl.when(pl.col("ahead") > THRESHOLD)
        .then(pl.lit("bullish"))
        .when(pl.col("ahead") < -THRESHOLD)
        .then(pl.lit("bearish"))
        .when(pl.col("ahead").is_not_null())
        .then(pl.lit("neutral"))
    )
    foreseen = move.with_columns(
        direction=direction,
        confidence=pl.lit(1.0),
        call_rank=pl.lit(1.0),
        earlier_calls=pl.lit(rules.selection.fewest_calls, pl.Int32),
    ).with_columns(
        (pl.col("direction") == name).cast(pl.Float64).alias(f"p_{name}") for name in CLASSES
    )
    return build_plans(foreseen.drop("ahead"), rules, chain_of)


def put_write(inputs: pl.DataFrame, rules: PlanRules, ticker: str) -> Frames:
    """Plans that sell a cash-secured at-the-money put for four weeks, like Cboe's PUT index.

    The number of contracts is limited by the cash to buy at the strike, at the entry by that which
    is left. The next put is planned on
    the session in which the last one expires, or on the first later session with an expiry three to
    six weeks away. Run these plans without exit rules.
    """
    rows = inputs.filter(
        (pl.col("ticker") == ticker)
        & pl.col("bad_reason").is_null()
        & pl.col("iv_close").is_finite()
    ).sort("date")
    days = rows["date"].to_numpy().astype("datetime64[D]")
    low, high = ROLL_RANGE
    tickers = rows["ticker"].to_list()
    expiries = choose_expiries(days, np.full(len(days), ROLL_DTE), low, high, tickers)
    plans, legs, at = [], [], 0
    while at < len(days):
        if np.isnat(expiries[at]):
            at += 1
            continue
        made = _cash_secured(rows.row(at, named=True), expiries[at], rules)
        if made is not None:
            plans.append(made[0])
            legs.append(made[1])
        at = max(at + 1, int(np.searchsorted(days, expiries[at])))
    return (
        pl.DataFrame(plans, schema=TRADE_PLAN.schema),
        pl.DataFrame(legs, schema=TRADE_PLAN_LEGS.schema),
    )


def _cash_secured(
    row: dict[str, Any], expiry: np.datetime64, rules: PlanRules
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    day, last = row["date"], expiry.astype(object)
    spot = np.array([row["close"] * (row["split_factor"] or 1.0)])
    underlying = row_underlying(pl.DataFrame([row]), spot)
    strike = snap_strike(spot, strike_step(underlying))
    years = years_of(np.array([(last - day).days]))
    quotes = quote(underlying, strike, years, np.array([PUT]), rules.chain)
    contracts = int(rules.sizing.account_value_usd // (SHARES * strike[0]))
    if contracts < 1:
        return None
    mid = float(quotes.mid[0])
    identifier = plan_id(
        day, row["ticker"], "put_write", float(strike[0]), last, rule_set=rules.rule_set
    )
    shared = {
        "date": day, "ticker": row["ticker"], "plan_id": identifier, "expiry": last,
        "rule_set": rules.rule_set,
    }  # fmt: skip
    plan = shared | {
        "decision": "trade", "reasons": ["PUT_WRITE"], "strategy": "put_write",
        "regime": row["regime"], "direction": None, "confidence": 1.0,
        "contracts": contracts, "limit_price": -mid,
        "max_loss_usd": (float(strike[0]) - mid) * SHARES * contracts,
        "max_profit_usd": mid * SHARES * contracts, "chain_source": "synthetic",
    }  # fmt: skip
    leg = shared | {
        "leg": 1, "side": "sell", "right": "put", "strike": float(strike[0]), "ratio": 1,
    }  # fmt: skip
    return plan, leg


def _with_predictions(
    inputs: pl.DataFrame, predictions: pl.DataFrame, columns: tuple[str, ...]
) -> pl.DataFrame:
    key = ["date", "ticker"]
    return (
        inputs.drop(columns).join(predictions.select(*key, *columns), on=key, how="left").sort(key)
    )
