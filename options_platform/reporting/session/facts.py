"""The rows of a session and a ticker in words, asset by asset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    DIRECTION_MODEL,
    DIRECTIONS,
    LABELS,
    PAPER_ORDERS,
    RAW_OHLCV,
    REGIME,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    VIX,
    VOLATILITY_MODEL,
    Table,
)
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.formats import confident, is_missing, number, pct, words
from options_platform.reporting.session.decisions import order_facts, plan_facts

Facts = dict[str, str]
Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""The rows of one session and one ticker, by the name of their table."""

MOST_NAMED = 6
"""Missing features that are named before the rest is counted."""


def _bar(row: Row) -> Facts:
    if row["bad_reason"] is not None:
        return {"quality": f"set aside: {row['bad_reason']}; the ticker does not trade"}
    prices = ", ".join(f"{name} {number(row[name])}" for name in ("open", "high", "low", "close"))
    split, dividend = row["split_ratio"], row["dividend"]
    return {
        "bar": f"{prices}, volume {number(row['volume'], 0)}",
        **({"split": f"{split:g} new shares for an old one"} if split not in (None, 1.0) else {}),
        **({"dividend": f"{number(dividend)} USD a share"} if dividend else {}),
        "quality": "a good bar",
    }


def _index(row: Row) -> Facts:
    aged = {0: "of this session", 1: "carried over from the session before"}
    vix = f"VIX {aged.get(row['vix_age'], 'missing: no regime and no trade')}"
    if row["iv_symbol"] == "VIX":
        return {"vix": number(row["vix"]), "quality": vix}
    own = f"{row['iv_symbol']} {aged.get(row['iv_age'], 'missing')}"
    return {
        "index": f"{row['iv_symbol']} {number(row['iv_close'])}",
        "vix": number(row["vix"]),
        "quality": f"{own}, {vix}",
    }


def _features(row: Row) -> Facts:
    features = [name for name in row if name not in ("date", "ticker", "feature_version")]
    missing = [name for name in features if is_missing(row[name])]
    named = ", ".join(missing[:MOST_NAMED])
    more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    quality = f"{len(features)} features, "
    return {
        "return_of_the_session": pct(row["returns_1d"], 2),
        "iv_rank": number(row["iv_rank"]),
        "volatility": f"{pct(row['hv_20'])} a year over 20 sessions, "
        f"{number(row['hv_iv_ratio'])} of what the index implies",
        "rsi_14": number(row["rsi_14"], 1),
        "quality": quality + (f"{len(missing)} missing: {named}{more}" if missing else "all known"),
    }


def _label(row: Row) -> Facts:
    if row["direction"] is None:
        return {"outcome": f"not known before the close of {row['known_on']}"}
    moved = pct(row["fwd_return_5d"], 2)
    return {"outcome": f"{row['direction']}: {moved} in five sessions, to {row['known_on']}"}


def probabilities(row: Row) -> str:
    """The probabilities of the directions in a row of `direction_model`."""
    return ", ".join(f"{name} {pct(row[f'p_{name}'], 0)}" for name in DIRECTIONS)


def _direction(row: Row) -> Facts:
    if row["direction"] is None:
        return {"prediction": "none: too little history to train on"}
    return {
        "prediction": f"{row['direction']}, {confident(row['confidence'])}",
        "probabilities": probabilities(row),
        "model": f"{row['model_id']}, trained before {row['fold']}",
    }


def _volatility(row: Row) -> Facts:
    if row["iv_rank_pred"] is None:
        return {"prediction": "none: too little history to train on"}
    change = row["iv_rank_change_pred"]
    return {
        "prediction": f"IV rank {number(row['iv_rank_pred'])} in five sessions, now "
        f"{number(row['iv_rank'])} ({'up' if change > 0 else 'down'} {number(abs(change))})",
        "expected_volatility": f"{pct(row['expected_rv'])} a year in the next five sessions",
        "another_regime": f"{pct(row['p_regime_shift'], 0)} likely in five sessions",
        "model": f"{row['model_id']}, trained before {row['fold']}",
    }


def _regime(row: Row) -> Facts:
    if row["regime"] is None:
        return {"regime": "none: an input of its rules is missing"}
    before = f", before it {words(row['previous_regime'])}" if row["previous_regime"] else ""
    rules = ", ".join(map(words, row["matched"] or ())) or "none"
    return {
        "regime": f"{words(row['regime'])}, for {row['days_in_regime']} sessions{before}",
        "rules_that_match": rules,
    }


ONE_ROW: Mapping[str, Callable[[Row], Facts]] = {
    RAW_OHLCV.name: _bar,
    VIX.name: _index,
    FEATURES_TABLE.name: _features,
    LABELS.name: _label,
    DIRECTION_MODEL.name: _direction,
    VOLATILITY_MODEL.name: _volatility,
    REGIME.name: _regime,
}
READ: Mapping[str, tuple[Table, ...]] = {
    **{
        table.name: (table,)
        for table in (RAW_OHLCV, VIX, FEATURES_TABLE, LABELS, DIRECTION_MODEL, VOLATILITY_MODEL)
    },
    REGIME.name: (REGIME,),
    TRADE_PLAN.name: (TRADE_PLAN, TRADE_PLAN_LEGS, DIRECTION_MODEL),
    PAPER_ORDERS.name: (PAPER_ORDERS, TRADE_PLAN, TRADE_PLAN_LEGS),
}
"""The tables that the words about an asset are made of: the nine assets, in their order."""


def facts_of(asset: str, rows: Rows) -> Facts:
    """What happened to a ticker in a session, by a name for each fact; empty without a row."""
    if not rows.get(asset):
        return {}
    if asset == TRADE_PLAN.name:
        calls = rows.get(DIRECTION_MODEL.name) or [{"direction": None}]
        likely = probabilities(calls[0]) if calls[0]["direction"] else None
        return plan_facts(rows[asset], rows.get(TRADE_PLAN_LEGS.name, ()), likely)
    if asset == PAPER_ORDERS.name:
        plans, legs = rows.get(TRADE_PLAN.name, ()), rows.get(TRADE_PLAN_LEGS.name, ())
        return order_facts(rows[asset], plans, legs)
    return ONE_ROW[asset](rows[asset][0])


def read_rows(
    warehouse: Warehouse,
    assets: Sequence[str],
    start: date,
    end: date,
    tickers: Sequence[str],
    given: Mapping[str, pl.DataFrame] | None = None,
) -> dict[tuple[date, str], dict[str, list[Row]]]:
    """The rows that the words about `assets` are made of, by session and ticker.

    Tables in `given`, by their name, are not read from the warehouse.
    """
    frames = dict(given or {})
    for table in (table for asset in assets for table in READ[asset]):
        # Legs come after the plans, and only a trade has any.
        idle = table is TRADE_PLAN_LEGS and "trade" not in frames[TRADE_PLAN.name]["decision"]
        if table.name not in frames and not idle:
            frames[table.name] = warehouse.read(table, start=start, end=end, tickers=tickers)
    rows_of: dict[tuple[date, str], dict[str, list[Row]]] = {}
    for name, frame in frames.items():
        ordered = frame.sort("leg") if name == TRADE_PLAN_LEGS.name else frame
        for row in ordered.iter_rows(named=True):
            rows_of.setdefault((row["date"], row["ticker"]), {}).setdefault(name, []).append(row)
    return rows_of
