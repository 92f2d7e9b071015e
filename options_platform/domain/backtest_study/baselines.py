"""What a result is measured against: the same market without the model, or without skill.

The plans of baselines go through the same engine and costs as the model's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.calendar.expiries import choose_expiries
from options_platform.domain.chain import quote, snap_strike, strike_step, years_of
from options_platform.domain.chain.term_structure import row_term
from options_platform.domain.planning.plan import (
    SHARES,
    PlanRules,
    build_plans,
    plan_selected,
)
from options_platform.domain.planning.plan_rows import plan_id
from options_platform.domain.planning.selection import NONE, select_strategies
from options_platform.domain.pricing import PUT

CLASSES = ("bearish", "neutral", "bullish")
PREDICTION = ("direction", "p_bearish", "p_neutral", "p_bullish", "confidence")
HORIZON, THRESHOLD = 5, 0.01
ROLL_DTE, ROLL_RANGE = 30, (21, 40)

Frames = tuple[pl.DataFrame, pl.DataFrame]


def buy_and_hold(market: BacktestMarket, ticker: str, start_usd: float) -> Floats:
    """Equity of holding the ticker from its first close, dividends reinvested; shape [sessions].

    Where single dividends are not known, by the closes that are adjusted for them.

    A session without a bar keeps the value of the one before; before the first bar it is cash.
    """
    column = market.tickers.index(ticker)
    close, paid = market.close[:, column], market.dividend[:, column]
    if market.adjusted is not None and np.isfinite(market.adjusted[:, column]).any():
        close, paid = market.adjusted[:, column], np.zeros(len(close))
    rows = np.arange(len(close))
    last = np.maximum.accumulate(np.where(np.isfinite(close), rows, -1))
    held = np.where(last >= 0, close[np.maximum(last, 0)], np.nan)
    growth = np.ones(len(held))
    growth[1:] = (held[1:] + paid[1:]) / held[:-1]
    return np.asarray(start_usd * np.cumprod(np.where(np.isfinite(growth), growth, 1.0)))


def always(inputs: pl.DataFrame, strategy: str, rules: PlanRules) -> Frames:
    """Plans of one strategy on every session whose data and regime are known."""
    rows = select_strategies(inputs.sort("date", "ticker"), rules.selection)
    blocked = pl.col("refusal").is_in(["BAD_BAR", "NO_VIX", "NO_REGIME"]).fill_null(value=False)
    rows = rows.with_columns(
        strategy=pl.when(blocked).then(pl.lit(NONE)).otherwise(pl.lit(strategy)),
        refusal=pl.when(blocked).then("refusal"),
        confidence=pl.lit(1.0),
    )
    return plan_selected(rows, rules)


def random_direction(inputs: pl.DataFrame, rules: PlanRules, seed: int = 0) -> Frames:
    """Plans of directions drawn at random, each class as often as the model calls it."""
    random = np.random.default_rng(seed)
    known = inputs.filter(pl.col("direction").is_not_null())
    drawn = random.permutation(known["direction"].to_numpy())
    given = known.with_columns(direction=pl.Series(drawn))
    return build_plans(_with_predictions(inputs, given, ("direction",)), rules)


def shuffled_signal(inputs: pl.DataFrame, rules: PlanRules, seed: int = 0) -> Frames:
    """Plans of the model's own predictions, dealt to the sessions of each ticker anew."""
    random = np.random.default_rng(seed)
    dealt = []
    for _, own in inputs.filter(pl.col("direction").is_not_null()).group_by(
        "ticker", maintain_order=True
    ):
        order = random.permutation(own.height)
        dealt.append(own.select("date", "ticker").hstack(own.select(PREDICTION)[order]))
    return build_plans(_with_predictions(inputs, pl.concat(dealt), PREDICTION), rules)


def oracle(inputs: pl.DataFrame, rules: PlanRules) -> Frames:
    """Plans that know the direction of the next five sessions: the ceiling, not a strategy."""
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
    known = move.with_columns(direction=direction, confidence=pl.lit(1.0)).with_columns(
        (pl.col("direction") == name).cast(pl.Float64).alias(f"p_{name}") for name in CLASSES
    )
    return build_plans(known.drop("ahead"), rules)


def put_write(inputs: pl.DataFrame, rules: PlanRules, ticker: str) -> Frames:
    """Plans of a put at the money sold for four weeks against cash, much as Cboe's PUT index does.

    As many as the account can pay the strikes of; the next is planned on the session on which
    the last expires, or the first after it that has an expiry in three to six weeks. To be run
    without exit rules.
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
    strike = snap_strike(spot, strike_step(spot))
    years = years_of(np.array([(last - day).days]))
    index, term = np.array([row["iv_close"] / 100.0]), row_term(pl.DataFrame([row]))
    found = quote(spot, strike, years, index, np.array([PUT]), rules.chain, term)
    contracts = int(rules.sizing.account_value_usd // (SHARES * strike[0]))
    if contracts < 1:
        return None
    mid = float(found.mid[0])
    number = plan_id(day, row["ticker"], "put_write", float(strike[0]), last)
    shared = {"date": day, "ticker": row["ticker"], "plan_id": number, "expiry": last}
    plan = shared | {
        "decision": "trade", "reasons": ["PUT_WRITE"], "strategy": "put_write",
        "regime": row["regime"], "direction": None, "contracts": contracts, "limit_price": -mid,
        "max_loss_usd": (float(strike[0]) - mid) * SHARES * contracts,
        "max_profit_usd": mid * SHARES * contracts, "chain_source": "synthetic",
    }  # fmt: skip
    leg = shared | {
        "leg": 1, "side": "sell", "right": "put", "strike": float(strike[0]), "ratio": 1,
    }  # fmt: skip
    return plan, leg


def _with_predictions(
    inputs: pl.DataFrame, given: pl.DataFrame, columns: tuple[str, ...]
) -> pl.DataFrame:
    key = ["date", "ticker"]
    return inputs.drop(columns).join(given.select(*key, *columns), on=key, how="left").sort(key)
