"""The ranks of stored calls, and what has to be made anew when earlier calls change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import CHAMPIONS, DIRECTION_MODEL, RAW_OHLCV, TRADE_PLAN
from options_platform.domain.calendar.sessions import session_times
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.domain.planning.call_ranks import RANKED, call_ranks
from options_platform.errors import IncompleteDataError
from options_platform.models.promotion import DEFAULT

RANKS = ("call_rank", "earlier_calls")


def stored_calls(
    warehouse: Warehouse, tickers: Sequence[str], end: date | None = None
) -> pl.DataFrame:
    """The rows of `direction_model` that ranks are computed from, from the first one to `end`.

    Predictions of a former version do not name their variant. They get the one that was champion at
    the close of their session, so that a later promotion or rollback changes no earlier rank.
    """
    calls = warehouse.read(DIRECTION_MODEL, columns=[*KEY, *RANKED], tickers=tickers, end=end)
    reigns = (
        warehouse.read(CHAMPIONS)
        .filter(target="direction")
        .sort("since", "number")
        .select("since", champion="model")
    )
    champions = session_times().select("date", "close_at")
    champions = champions.join_asof(reigns, left_on="close_at", right_on="since")
    return (
        calls.join(champions.select("date", "champion"), "date", "left", maintain_order="left")
        .with_columns(pl.coalesce("variant", "champion", pl.lit(DEFAULT["direction"])))
        .drop("champion")
    )


def stored_ranks(
    warehouse: Warehouse, tickers: Sequence[str], start: date, end: date
) -> pl.DataFrame:
    """date, ticker, call_rank and earlier_calls of the range, one row per stored prediction.

    Raises :class:`IncompleteDataError` if a bar of a month before that of `end` has no prediction:
    the ranks would not be those of a backfill.
    """
    calls = stored_calls(warehouse, tickers, end)
    month = end.replace(day=1)
    bars = warehouse.read(RAW_OHLCV, columns=KEY, tickers=tickers, end=end)
    missing = bars.filter(pl.col("date") < month).join(calls, on=KEY, how="anti")
    if missing.height:
        first, last = min(missing["date"]), max(missing["date"])
        raise IncompleteDataError(
            f"{DIRECTION_MODEL.name} is missing {missing.height} rows before {month}, by which "
            f"plans rank later calls; run: options-platform backfill --start {first} --end {last} "
            f"--select {DIRECTION_MODEL.name}"
        )
    return call_ranks(calls).filter(pl.col("date") >= start)


def unpredicted(warehouse: Warehouse, tickers: Sequence[str], before: date) -> pl.DataFrame:
    """date and ticker of the stored features before a session that have no stored prediction."""
    features, calls = (
        warehouse.read(table, columns=KEY, tickers=tickers, end=before)
        for table in (FEATURES_TABLE, DIRECTION_MODEL)
    )
    earlier = features.filter(pl.col("date") < before)
    return earlier.join(calls, on=KEY, how="anti", maintain_order="left")


def outdated_plans(warehouse: Warehouse, tickers: Sequence[str], after: date) -> pl.DataFrame:
    """date and ticker of the stored plans after a session that were made with other ranks.

    They were made before predictions of earlier months were made anew. Plans of a former version,
    which have no ranks, are left as they are.
    """
    plans = warehouse.read(TRADE_PLAN, columns=[*KEY, *RANKS], tickers=tickers, start=after)
    plans = plans.filter(pl.col("date") > after).drop_nulls("earlier_calls")
    if plans.is_empty():
        return plans.select(KEY)
    ranks = call_ranks(stored_calls(warehouse, tickers))
    both = plans.join(ranks, on=KEY, suffix="_now", maintain_order="left")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_now")) for name in RANKS)
    # A session and ticker has a plan of each set that trades.
    return both.filter(differs).select(KEY).unique(maintain_order=True)
