"""Cleaning of daily bars: a bad bar is set aside with its reason, never dropped or repaired."""

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
    """Result of cleaning one ticker.

    `rows` are in the schema of `raw_ohlcv`, one per session since the first bar; `quarantined` in
    that of `quarantine`.
    """

    rows: pl.DataFrame
    quarantined: pl.DataFrame


def require_ticker(ticker: str) -> str:
    """`ticker` itself; raises :class:`UsageError` if it is not a valid symbol.

    Tickers become file names and request paths, so only upper-case letters, digits, dot and dash
    are allowed.
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
    """Apply the data rules to the bars of one ticker.

    A bar is judged by its own values and the good bars before it. The first rule that it breaks
    is its reason:

    - `no_session`: not a session; quarantined, and no row is made.
    - `not_final`: fetched before the session's close.
    - `rejected`: the user rejected it.
    - `duplicate_conflict`: two bars of one day with different values.
    - `nan_price`, `non_positive_price` (adjusted close included), `high_below_low`.
    - `outside_range`: open or close beyond high or low by more than 1e-6 of the price.
    - `negative_volume`, `no_volume` (a volume of 0).
    - `jump`, `spike`, `unadjusted_split`: see `domain.market.outliers`.
    - `missing`: a session without a bar.

    An adjusted close or a volume of NaN or infinity becomes null and breaks no rule.

    Args:
        raw: bars in `ports.BAR_SCHEMA`, one ticker, any order.
        sessions: the requested sessions, ascending.
        source: name of the source, stored for sessions without a bar.
        fetched_at: when the bars were fetched.
        stored: the ticker's rows of `raw_ohlcv`; bars stored as good are not judged as outliers
            again, and earlier ones provide the scale of a normal move.
        decisions: the ticker's rows of `quarantine`; accepted bars pass, rejected ones never do.
        confirmed: days on which another source confirms the prices, so outliers are accepted.

    Raises:
        SourceError: none of the sessions has a bar.
    """
    stored = RAW_OHLCV.empty() if stored is None else stored
    raw = raw.with_columns(_finite_or_null("adj_close"), _finite_or_null("volume"))
    judged = _judged(raw.unique(maintain_order=True), sessions, fetched_at, decisions)
    on_days = judged.filter(pl.col("rule").fill_null("") != NO_SESSION)
    if on_days.is_empty():
        span = f"{sessions[0]} to {sessions[-1]}" if sessions else "an empty range"
        ticker = raw["ticker"][0] if raw.height else "the ticker"
        raise SourceError(f"{source} has no bar of {ticker} for {span}; choose a later end")
    daily_bars = on_days.sort(pl.col("rule").is_not_null(), maintain_order=True).unique(
        "date", keep="first", maintain_order=True
    )
    outliers = _outliers(daily_bars.sort("date"), sessions[0], stored, decisions, confirmed)
    daily_bars, judged = _with_outliers(daily_bars, outliers), _with_outliers(judged, outliers)
    rows = _rows(daily_bars, sessions, source, fetched_at, begun=stored_before(stored, sessions[0]))
    return CleanedBars(rows, _entries(_broken(judged), rows, source, fetched_at))


def absent_bars(
    ticker: str,
    sessions: Sequence[date],
    source: str,
    fetched_at: datetime,
    *,
    stored: pl.DataFrame,
) -> CleanedBars:
    """The rows to store when the source knows the ticker but has no bar in `sessions`.

    If an earlier row is stored, the ticker is halted or delisted, and its sessions are `missing`.
    Otherwise it is not listed yet and gets no row. Arguments as in :func:`clean_bars`.
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
    """Whether open, high, low and close equal the columns with suffix `stored`, to 1e-6."""
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
    """Adds `rule`, from each bar's own values, and `status`, the user's decision about the bar."""
    unfinished = [day for day in sessions[-3:] if close_time(day) > fetched_at]
    status = pl.col("status").fill_null("open")
    counted = status != "rejected"
    twice = (counted.sum().over("date") > 1) & ~(status == "accepted").any().over("date")
    broken_rule = _broken_rule()
    passed = (status == "accepted") & (broken_rule.is_null() | broken_rule.is_in(ACCEPTABLE))
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
        .otherwise(broken_rule)
        .alias("rule")
    )


def _finite_or_null(name: str) -> pl.Expr:
    """The column with NaN and infinity as null; pandas and Polars write missing values as NaN."""
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
    """Columns date and outlier (the rule) of the bars that are outliers; one bar per day."""
    columns = ("date", *PRICES, "volume", "split_ratio", "split_factor")
    present = stored.filter((pl.col("bad_reason") != MISSING).fill_null(value=True))
    stored_good = present.filter(pl.col("bad_reason").is_null()).select(columns)
    fetched = bars.join(stored_good, on="date", how="left", suffix="_stored", maintain_order="left")
    fetched = fetched.with_columns(
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
                fetched.select(*columns, "rule", "settled"),
            ]
        )
        .join(ordinals(), on="date", how="left", maintain_order="left")
        .with_columns(gap=pl.col("session").diff().fill_null(1))
    )
    # A bar without a usable price says nothing about the level, so it cannot end a split streak.
    priced = every.filter(
        pl.col("rule").is_null() | pl.col("rule").is_in([JUMP, SPIKE, UNADJUSTED_SPLIT])
    ).with_columns(before=pl.col("rule").shift(1), day_before=pl.col("date").shift(1))
    sound = priced.filter(pl.col("rule").is_null())
    first = sound.filter(~pl.col("settled")).head(1)
    before = first["before"].item() if first.height else None
    level = _set_aside_close(entries, first["day_before"].item(), before) if before else None
    rules = find_outliers(sound, rule_before=before, level_before=level)
    outlier = pl.Series("outlier", rules, dtype=pl.String)
    return sound.select("date").with_columns(outlier).drop_nulls()


def _set_aside_close(entries: pl.DataFrame | None, day: date, rule: str) -> float | None:
    """The close of the bar set aside for `rule` on `day`; None if it was not recorded."""
    if entries is None:
        return None
    bars = entries.filter((pl.col("date") == day) & (pl.col("rule") == rule))
    closes = bars.sort("seen_at")["value"].str.json_path_match("$.close").cast(pl.Float64)
    return closes.drop_nulls().to_list()[-1] if closes.drop_nulls().len() else None


def _with_outliers(bars: pl.DataFrame, outliers: pl.DataFrame) -> pl.DataFrame:
    joined = bars.join(outliers, on="date", how="left", maintain_order="left")
    return joined.with_columns(rule=pl.col("rule").fill_null(pl.col("outlier"))).drop("outlier")


def _rows(
    daily_bars: pl.DataFrame,
    sessions: Sequence[date],
    source: str,
    fetched_at: datetime,
    *,
    begun: bool,
) -> pl.DataFrame:
    """One row per session since the first bar; for all sessions if earlier bars are stored."""
    first = sessions[0] if begun else min(daily_bars["date"].to_list())
    days = pl.DataFrame({"date": [day for day in sessions if day >= first]})
    values = [
        name
        for name in RAW_OHLCV.schema.names()
        if name in daily_bars.columns and name not in ("date", "ticker", "source")
    ]
    return (
        days.join(daily_bars, on="date", how="left")
        .with_columns(
            ticker=pl.lit(daily_bars["ticker"][0]),
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
    """Bars that broke a rule: date, ticker, rule, source and value (the bar as JSON)."""
    value = pl.struct(pl.exclude("rule", "status", "date", "ticker")).struct.json_encode()
    broken = judged.filter(pl.col("rule").is_not_null())
    return broken.select("date", "ticker", "rule", "source", value=value)


def _entries(
    broken: pl.DataFrame, rows: pl.DataFrame, source: str, fetched_at: datetime
) -> pl.DataFrame:
    """Quarantine entries for the `broken` bars and for sessions without a bar."""
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
