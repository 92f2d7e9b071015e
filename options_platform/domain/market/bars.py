"""Cleaning daily bars: a bad bar is set aside with its reason, never dropped or repaired."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from options_platform.contracts import QUARANTINE, RAW_OHLCV
from options_platform.contracts.market import SET_ASIDE
from options_platform.domain.calendar.sessions import close_time, ordinals
from options_platform.domain.market.outliers import JUMP, SPIKE, UNADJUSTED_SPLIT, find_outliers
from options_platform.domain.market.quarantine import ACCEPTABLE, MISSING, decisions_on
from options_platform.errors import SourceError, UsageError

TICKER_PATTERN = re.compile(r"[A-Z][A-Z0-9.\-]{0,9}")
PRICES = ("open", "high", "low", "close")
TOLERANCE = 1e-6
NO_SESSION, NOT_FINAL = "no_session", "not_final"
DUPLICATE, NO_VOLUME, REJECTED = "duplicate_conflict", "no_volume", "rejected"


@dataclass(frozen=True)
class CleanedBars:
    """`rows` for `raw_ohlcv`, one a session since the first bar, and what was `quarantined`."""

    rows: pl.DataFrame
    quarantined: pl.DataFrame


def require_ticker(ticker: str) -> str:
    """`ticker`, if it looks like one; :class:`UsageError` otherwise.

    Tickers become file names and request paths, so only upper-case letters, digits, dot and
    dash may stand in them.
    """
    if TICKER_PATTERN.fullmatch(ticker) is None:
        raise UsageError(
            f"{ticker!r} is no ticker: 1 to 10 of A-Z, 0-9, dot and dash, first a letter"
        )
    return ticker


def clean_bars(
    raw: pl.DataFrame,
    sessions: Sequence[date],
    source: str,
    fetched_at: datetime,
    *,
    stored: pl.DataFrame | None = None,
    decisions: pl.DataFrame | None = None,
    confirmed: Collection[date] = (),
) -> CleanedBars:
    """Judge the bars of one ticker, each by its own day and the good bars before it.

    Rules, the first broken one names the reason: `no_session` (a bar on a day without a session:
    quarantined, no row), `not_final` (fetched before the session's close), `rejected` (by the
    user), `duplicate_conflict` (a day twice with other values), `nan_price`, `non_positive_price`
    (an adjusted close too), `high_below_low`, `outside_range` (open or close beyond high or low by
    more than 1e-6 of the price), `negative_volume`, `no_volume` (a volume of 0), `jump`, `spike`
    and `unadjusted_split` (see `domain.market.outliers`), `missing` (a session without a bar). An
    adjusted close or a volume that is NaN or infinite is unknown: null, and no reason.

    Args:
        raw: bars in `ports.BAR_SCHEMA`, one ticker, any order.
        sessions: the sessions that were asked for, ascending.
        source: name of the source that a missing session is put down to.
        fetched_at: when they were fetched.
        stored: the ticker's rows of `raw_ohlcv`; bars that are stored as good are not judged as
            outliers again, and earlier ones are the yardstick.
        decisions: the ticker's rows of `quarantine`; accepted bars pass, rejected ones never do.
        confirmed: days whose outliers another source confirms.

    Raises :class:`SourceError` if none of the sessions has a bar.
    """
    stored = RAW_OHLCV.empty() if stored is None else stored
    raw = raw.with_columns(_known("adj_close"), _known("volume"))
    judged = _judged(raw.unique(maintain_order=True), sessions, fetched_at, decisions)
    on_days = judged.filter(pl.col("rule").fill_null("") != NO_SESSION)
    if on_days.is_empty():
        span = f"{sessions[0]} to {sessions[-1]}" if sessions else "an empty range"
        ticker = raw["ticker"][0] if raw.height else "the ticker"
        raise SourceError(f"{source} has no bar of {ticker} for {span}; choose a later end")
    one_a_day = on_days.sort(pl.col("rule").is_not_null(), maintain_order=True).unique(
        "date", keep="first", maintain_order=True
    )
    outliers = _outliers(one_a_day.sort("date"), sessions[0], stored, decisions, confirmed)
    one_a_day, judged = _with_outliers(one_a_day, outliers), _with_outliers(judged, outliers)
    rows = _rows(one_a_day, sessions, source, fetched_at, begun=stored_before(stored, sessions[0]))
    return CleanedBars(rows, _entries(_broken(judged), rows, source, fetched_at))


def absent_bars(
    ticker: str,
    sessions: Sequence[date],
    source: str,
    fetched_at: datetime,
    *,
    stored: pl.DataFrame,
) -> CleanedBars:
    """What to store where the source has the ticker and no bar of any of `sessions`.

    A ticker that has a row before them is halted or delisted: its sessions are `missing`. One that
    has none is not listed yet, and gets no row. Arguments as in :func:`clean_bars`.
    """
    begun = stored_before(stored, sessions[0]) if sessions else False
    days = list(sessions) if begun else []
    unknown = [name for name in RAW_OHLCV.schema.names() if name not in ("date", "ticker")]
    rows = pl.DataFrame({"date": days}, schema={"date": pl.Date}).with_columns(
        pl.lit(ticker).alias("ticker"), *(pl.lit(None).alias(name) for name in unknown)
    )
    rows = rows.with_columns(
        source=pl.lit(source), fetched_at=pl.lit(fetched_at), bad_reason=pl.lit(MISSING)
    )
    rows = rows.select(RAW_OHLCV.schema.names()).cast(dict(RAW_OHLCV.schema))  # type: ignore[arg-type]
    return CleanedBars(rows, _entries(QUARANTINE.empty(), rows, source, fetched_at))


def stored_before(stored: pl.DataFrame, day: date) -> bool:
    """Whether a row is stored for a session before `day`."""
    return stored.filter(pl.col("date") < day).height > 0


def same_prices(stored: str = "_stored") -> pl.Expr:
    """Whether open, high, low and close equal their counterparts to 1e-6 of the price."""
    pairs = ((pl.col(name), pl.col(f"{name}{stored}")) for name in PRICES)
    return pl.all_horizontal(*((a - b).abs() <= TOLERANCE * b.abs() for a, b in pairs)).fill_null(
        value=False
    )


def _judged(
    raw: pl.DataFrame,
    sessions: Sequence[date],
    fetched_at: datetime,
    decisions: pl.DataFrame | None,
) -> pl.DataFrame:
    """The raw bars with `rule`, judged each by itself, and `status`, the user's decision on it."""
    unfinished = [day for day in sessions[-3:] if close_time(day) > fetched_at]
    status = pl.col("status").fill_null("open")
    counted = status != "rejected"
    twice = (counted.sum().over("date") > 1) & ~(status == "accepted").any().over("date")
    own = _broken_rule()
    passed = (status == "accepted") & (own.is_null() | own.is_in(ACCEPTABLE))
    return decisions_on(raw, decisions).with_columns(
        pl.when(~pl.col("date").is_in(list(sessions)))
        .then(pl.lit(NO_SESSION))
        .when(pl.col("date").is_in(unfinished))
        .then(pl.lit(NOT_FINAL))
        .when(status == "rejected")
        .then(pl.lit(REJECTED))
        .when(passed)
        .then(pl.lit(None, pl.String))
        .when(twice | ((pl.len().over("date") > 1) & (status == "accepted").any().over("date")))
        .then(pl.lit(DUPLICATE))
        .otherwise(own)
        .alias("rule")
    )


def _known(name: str) -> pl.Expr:
    """The column, null where it is NaN or infinite: pandas and Polars write the unknown so."""
    return pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name)


def _broken_rule() -> pl.Expr:
    prices = [pl.col(name) for name in PRICES]
    positive = [*prices, pl.col("adj_close")]
    not_number = pl.any_horizontal(*(p.is_null() | p.is_nan() | p.is_infinite() for p in prices))
    top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    slack = 1.0 + TOLERANCE
    outside = (top > pl.col("high") * slack) | (bottom * slack < pl.col("low"))
    return (
        pl.when(not_number)
        .then(pl.lit("nan_price"))
        .when(pl.any_horizontal(*((p <= 0).fill_null(value=False) for p in positive)))
        .then(pl.lit("non_positive_price"))
        .when(pl.col("high") < pl.col("low"))
        .then(pl.lit("high_below_low"))
        .when(outside)
        .then(pl.lit("outside_range"))
        .when((pl.col("volume") < 0).fill_null(value=False))
        .then(pl.lit("negative_volume"))
        .when((pl.col("volume") == 0).fill_null(value=False))
        .then(pl.lit(NO_VOLUME))
    )


def _outliers(
    bars: pl.DataFrame,
    start: date,
    stored: pl.DataFrame,
    entries: pl.DataFrame | None,
    confirmed: Collection[date],
) -> pl.DataFrame:
    """date, outlier: the bars, one a day, that are outliers."""
    columns = ("date", *PRICES, "volume", "split_ratio", "split_factor")
    present = stored.filter((pl.col("bad_reason") != MISSING).fill_null(value=True))
    known = present.filter(pl.col("bad_reason").is_null()).select(columns)
    asked = bars.join(known, on="date", how="left", suffix="_stored", maintain_order="left")
    asked = asked.with_columns(
        settled=same_prices()
        | pl.col("date").is_in(list(confirmed))
        | (pl.col("status") == "accepted").fill_null(value=False)
    )
    every = (
        pl.concat(
            [
                present.filter(pl.col("date") < start).select(
                    *columns, rule="bad_reason", settled=pl.lit(value=True)
                ),
                asked.select(*columns, "rule", "settled"),
            ]
        )
        .join(ordinals(), on="date", how="left", maintain_order="left")
        .with_columns(gap=pl.col("session").diff().fill_null(1))
    )
    # A bar without a usable price says nothing of the level, so it ends no streak of a split.
    priced = every.filter(
        pl.col("rule").is_null() | pl.col("rule").is_in([JUMP, SPIKE, UNADJUSTED_SPLIT])
    ).with_columns(before=pl.col("rule").shift(1), day_before=pl.col("date").shift(1))
    sound = priced.filter(pl.col("rule").is_null())
    first = sound.filter(~pl.col("settled")).head(1)
    before = first["before"].item() if first.height else None
    level = _set_aside_close(entries, first["day_before"].item(), before) if before else None
    rules = find_outliers(sound, rule_before=before, level_before=level)
    found = pl.Series("outlier", rules, dtype=pl.String)
    return sound.select("date").with_columns(found).drop_nulls()


def _set_aside_close(entries: pl.DataFrame | None, day: date, rule: str) -> float | None:
    """The close of the bar that was set aside for `rule` on `day`, if it is known."""
    if entries is None:
        return None
    bars = entries.filter((pl.col("date") == day) & (pl.col("rule") == rule))
    closes = bars.sort("seen_at")["value"].str.json_path_match("$.close").cast(pl.Float64)
    return closes.drop_nulls().to_list()[-1] if closes.drop_nulls().len() else None


def _with_outliers(bars: pl.DataFrame, outliers: pl.DataFrame) -> pl.DataFrame:
    joined = bars.join(outliers, on="date", how="left", maintain_order="left")
    return joined.with_columns(rule=pl.col("rule").fill_null(pl.col("outlier"))).drop("outlier")


def _rows(
    one_a_day: pl.DataFrame,
    sessions: Sequence[date],
    source: str,
    fetched_at: datetime,
    *,
    begun: bool,
) -> pl.DataFrame:
    """A row for each session since the first bar, or of all if the ticker `begun` before."""
    first = sessions[0] if begun else min(one_a_day["date"].to_list())
    days = pl.DataFrame({"date": [day for day in sessions if day >= first]})
    values = [
        name
        for name in RAW_OHLCV.schema.names()
        if name in one_a_day.columns and name not in ("date", "ticker", "source")
    ]
    return (
        days.join(one_a_day, on="date", how="left")
        .with_columns(
            ticker=pl.lit(one_a_day["ticker"][0]),
            bad_reason=pl.when(pl.col("ticker").is_null())
            .then(pl.lit(MISSING))
            .otherwise(pl.col("rule")),
        )
        .with_columns(pl.when(pl.col("bad_reason").is_null()).then(pl.col(values)))
        .with_columns(
            pl.col("source").fill_null(source),
            fetched_at=pl.lit(fetched_at).cast(RAW_OHLCV.schema["fetched_at"]),
        )
        .select(RAW_OHLCV.schema.names())
        .sort("date")
    )


def _broken(judged: pl.DataFrame) -> pl.DataFrame:
    """date, ticker, rule, source and value (the bar as JSON) of the bars that broke a rule."""
    value = pl.struct(pl.exclude("rule", "status", "date", "ticker")).struct.json_encode()
    broken = judged.filter(pl.col("rule").is_not_null())
    return broken.select("date", "ticker", "rule", "source", value=value)


def _entries(
    broken: pl.DataFrame, rows: pl.DataFrame, source: str, fetched_at: datetime
) -> pl.DataFrame:
    """Entries of the quarantine: the `broken` bars, and the sessions without a bar."""
    names = ["date", "ticker", "rule", "source", "value"]
    missing = rows.filter(pl.col("bad_reason") == MISSING).with_columns(
        rule="bad_reason", value=pl.lit("{}")
    )
    return (
        pl.concat([broken.select(names), missing.select(names)])
        .unique(["date", "ticker", "rule", "value"], maintain_order=True)
        .with_columns(
            pl.col("source").fill_null(source),
            severity=pl.lit(SET_ASIDE),
            status=pl.lit("open"),
            seen_at=pl.lit(fetched_at).cast(QUARANTINE.schema["seen_at"]),
            decided_at=pl.lit(None, QUARANTINE.schema["decided_at"]),
            note=pl.lit(None, pl.String),
        )
        .select(QUARANTINE.schema.names())
        .sort("date", "rule", "value")
    )
