"""When stored fits were known: their revisions, former values, and what an account traded on."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from options_platform.common import KEY
from options_platform.contracts import REVISIONS, SURFACE_FIT
from options_platform.domain.calendar.sessions import session_times

PRICING = ("c", "p", "q", "rho", "wing", "level", "is_adopted", "iv_symbol", "surface_hash")
"""Columns of `surface_fit` that decide prices."""
RECORDED = (*PRICING, "known_from")
CAUSE = "measured anew"
MOMENT = "%Y-%m-%d %H:%M:%S%.6f"


def first_known(rows: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """`rows` of `surface_fit`, with the stored `known_from` where no number that prices differs."""
    earlier = stored.select(*KEY, *PRICING, _known="known_from")
    same = rows.select(*KEY, *PRICING).join(
        earlier, on=[*KEY, *PRICING], how="inner", nulls_equal=True
    )
    joined = rows.join(same.select(*KEY, "_known"), on=KEY, how="left", maintain_order="left")
    known = pl.coalesce("_known", "known_from")
    return joined.with_columns(known_from=known).select(rows.columns)


def fit_revisions(
    rows: pl.DataFrame, stored: pl.DataFrame, seen_at: datetime, source: str
) -> pl.DataFrame:
    """Rows of `revisions`: each value of `stored` that `rows` replace by another one.

    Both are rows of `surface_fit`. Sessions that were not stored have no revision.
    """
    both = _as_text(rows).join(_as_text(stored), on=KEY, suffix="_was", maintain_order="left")
    parts = [
        both.filter(pl.col(name).ne_missing(pl.col(f"{name}_was"))).select(
            *KEY, column=pl.lit(name), old=f"{name}_was", new=name
        )
        for name in RECORDED
    ]
    constants = {
        "seen_at": seen_at, "table": SURFACE_FIT.name, "source": source, "cause": CAUSE,
        "factor": None,
    }  # fmt: skip
    revisions = pl.concat(parts).with_columns(
        pl.lit(value).cast(REVISIONS.schema[name]).alias(name) for name, value in constants.items()
    )
    return revisions.select(REVISIONS.schema.names()).sort("date", "ticker", "column")


def fit_versions(rows: pl.DataFrame, revisions: pl.DataFrame) -> pl.DataFrame:
    """`rows` of `surface_fit` and their former values: date, ticker and `RECORDED`."""
    current = rows.select(*KEY, *RECORDED)
    versions = [current]
    own = revisions.filter(pl.col("table") == SURFACE_FIT.name)
    for (_,), at_once in own.sort("seen_at", descending=True).group_by(
        "seen_at", maintain_order=True
    ):
        for (name,), cells in at_once.group_by("column", maintain_order=True):
            current = _undone(current, str(name), cells)
        versions.append(current.join(at_once, on=KEY, how="semi", maintain_order="left"))
    return pl.concat(versions)


def as_traded(versions: pl.DataFrame, recorded_from: datetime) -> pl.DataFrame:
    """The fits that an account was traded on: `versions` with `date` moved on where they came late.

    The plans of a session are made and sent before the next one opens, so they can use only what
    was stored by then; in a ledger whose first record is later, as that of a replay, what was
    stored by that time. Returns the columns of `versions` and `fitted_on`, the session of the fit;
    later sessions than `date` are priced by it, until the next row.
    """
    times = session_times()
    days, opens = times["date"].to_numpy(), times["open_at"].to_physical().to_numpy()
    stored_at = versions["known_from"].dt.cast_time_unit("us").to_physical().to_numpy()
    # The first session that opens after the fit was stored; the one before may use it.
    opening = np.searchsorted(opens, stored_at, side="left")
    is_early = (versions["known_from"] <= recorded_from).to_numpy()
    moved = np.where(is_early, days[0], days[np.clip(opening - 2, 0, None)])
    return (
        versions.filter(pl.Series(is_early | (opening < len(days))))
        .with_columns(
            fitted_on="date",
            date=pl.max_horizontal(
                "date", pl.Series(moved[is_early | (opening < len(days))]).cast(pl.Date)
            ),
        )
        .sort("ticker", "date", "fitted_on", "known_from")
        # What an old session's chains say later never replaces the fit of a newer session.
        .filter(pl.col("fitted_on") == pl.col("fitted_on").cum_max().over("ticker"))
        .unique(KEY, keep="last", maintain_order=True)
    )


def _as_text(rows: pl.DataFrame) -> pl.DataFrame:
    moment = pl.col("known_from").dt.strftime(MOMENT)
    return rows.select(*KEY, *(pl.col(name).cast(pl.String) for name in PRICING), moment)


def _undone(rows: pl.DataFrame, name: str, cells: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the `old` values of `cells`, rows of `revisions` of one column."""
    old = pl.col("old")
    if name == "is_adopted":
        old = old == "true"
    elif name == "known_from":
        old = old.str.to_datetime(MOMENT, time_unit="us", time_zone="UTC")
    else:
        old = old.cast(rows.schema[name])
    values = cells.select(*KEY, _old=old, _is_undone=pl.lit(value=True))
    joined = rows.join(values, on=KEY, how="left", maintain_order="left")
    value = pl.when(pl.col("_is_undone").is_not_null()).then("_old").otherwise(name)
    return joined.with_columns(value.alias(name)).select(rows.columns)
