"""Types the rows of a file of option chains, and refuses those that it does not understand.

How dates and numbers are written is decided by the first rows of the file and holds for all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.adapters.ports.market_data import SOURCE_CHAIN_SCHEMA
from options_platform.adapters.sources.files.bulk.batches import (
    FLOATS,
    REFUSED_SCHEMA,
    Batch,
    TextRules,
    read_sample,
)
from options_platform.adapters.sources.files.bulk.head import Head
from options_platform.adapters.sources.files.chains import RIGHTS, TIMES, quote_stamp
from options_platform.adapters.sources.files.symbols import symbol_in_file
from options_platform.adapters.sources.files.text.dates import (
    SLASHED,
    DateTextError,
    Order,
    are_stamps,
    dates_of,
    order_of,
)
from options_platform.adapters.sources.files.text.numbers import (
    NumberTextError,
    cleaned,
    decimal_mark,
    number_expr,
)
from options_platform.adapters.sources.files.text.times import StampError, days_of, instants_of
from options_platform.domain.calendar.sessions import FIRST_DAY, LAST_DAY, is_session
from options_platform.domain.chain.occ_symbols import parse_symbols, symbol_expr
from options_platform.domain.market.bars import TICKER_PATTERN
from options_platform.errors import SourceError, UsageError

DATES = ("session", "expiry")
ISO = r"^\d{4}-\d{2}-\d{2}$"
FEW_TEXTS = 4
COLUMNS = tuple(name for name in SOURCE_CHAIN_SCHEMA if name not in ("ticker", "source"))


@dataclass
class Reading:
    """How one file is read.

    `ticker` is that of a file that names none, `only` the one ticker to keep, `session` that of a
    file without sessions; `mark` is the decimal mark and `order` the order of day and month;
    `iso` are the file's columns with dates like 2024-12-31 and nothing else.
    `clocks` has the time of day of each session's quotes, if the file has a column of it. An
    expiry of more than `most_days` after the session is refused, if that is set.
    """

    head: Head
    ticker: str | None = None
    only: str | None = None
    session: date | None = None
    mark: str = "."
    order: Order = ""
    iso: frozenset[str] = frozenset()
    most_days: int | None = None
    clocks: dict[str, str] = field(default_factory=dict)
    days: dict[str, date | None] = field(default_factory=dict)

    def text_rules(self, *, whole: bool = False) -> TextRules:
        """How its text is read; `whole` confirms that a last line without a line end is one."""
        return TextRules(whole, self.mark == ".", self.iso)


@dataclass(frozen=True)
class Typed:
    """The quotes of a batch with `session` and `ticker`; what was refused; rows of other tickers.

    `quotes`, `refused` and `others` together are all quotes of the batch.
    """

    quotes: pl.DataFrame
    refused: pl.DataFrame
    others: int


def reading_of(
    head: Head, *, ticker: str | None, only: str | None, session: date | None
) -> Reading:
    """How to read the file, from its first rows.

    Raises :class:`SourceError` if its dates or numbers may be read in several ways, and
    :class:`UsageError` if it names no session and none is given.
    """
    stamp = quote_stamp(head.above) if head.layout.stamped else None
    if stamp is not None:
        session = stamp.date()
    if "session" not in head.columns and session is None:
        raise UsageError(f"{head.path.name} names no session; give it: --session")
    reading = Reading(head, ticker, only, session, order=head.layout.order)
    sample = _one_a_row(head, read_sample(head)) if head.separator else None
    if sample is None:
        return reading
    try:
        texts = [
            sample[name].cast(pl.String).rename("text") for name in sample.columns if name in FLOATS
        ]
        if texts:
            clean = pl.concat(texts).to_frame().select(cleaned(pl.col("text"))).to_series()
            reading.mark = decimal_mark(clean)
        reading.iso = frozenset(
            head.columns[name]
            for name in DATES
            if name in sample.columns and sample[name].str.contains(ISO).all()
        )
        dates = [sample[name].rename("day") for name in DATES if name in sample.columns]
        if dates and not reading.order:
            days = pl.concat(dates).str.strip_chars().str.extract(r"^(\S+)", 1).drop_nulls()
            numbered = days.filter(days.str.contains(SLASHED))
            reading.order = order_of(numbered) if len(numbered) else ""
    except (NumberTextError, DateTextError) as error:
        raise SourceError(f"{head.path.name}: {error}") from error
    return reading


def typed(reading: Reading, batch: Batch) -> Typed:
    """The quotes of a batch, typed; each row that cannot be understood is refused with its reason.

    Raises :class:`SourceError` for several times of day on one session, and for times whose
    meaning is unclear.
    """
    head = reading.head
    raw = _one_a_row(head, _with_days(reading, batch.frame))
    faults: list[tuple[pl.Series, str, str]] = []
    values: dict[str, pl.Series] = {}
    for name in DATES:
        if name in raw.columns:
            values[name] = _days(reading, raw[name])
            faults.append((values[name].is_null(), name, "is no date like 2024-12-31"))
    values |= _numbers(reading, raw, faults)
    values |= _times(reading, raw)
    if "contract_symbol" in raw.columns:
        symbols = raw["contract_symbol"].cast(pl.String).str.strip_chars()
        values["contract_symbol"] = symbols.set(symbols == "", None)
    if "expiry" not in raw.columns:
        parts = parse_symbols(values["contract_symbol"])
        values |= {name: parts[name] for name in ("expiry", "right", "strike")}
        faults.append((parts["expiry"].is_null(), "contract_symbol", "is no OCC symbol"))
    if "right" in raw.columns:
        values["right"] = _rights(raw["right"])
        faults.append((values["right"].is_null(), "right", "is neither call nor put"))
    no_strike = ~(values["strike"] > 0).fill_null(value=False)
    faults.append((no_strike, "strike", "is no strike above 0"))
    if "session" not in values:
        values["session"] = pl.repeat(reading.session, raw.height, dtype=pl.Date, eager=True)
    faults.append((~_in(values["session"], _sessions), "session", "is no session of the exchange"))
    if reading.most_days is not None:
        days_left = values["expiry"].cast(pl.Int32) - values["session"].cast(pl.Int32)
        far = (days_left > reading.most_days).fill_null(value=False)
        faults.append((far, "expiry", "is more than ten years after the session"))
    values["ticker"] = _tickers(reading, raw, faults)
    if "root" in raw.columns:
        root = pl.lit(raw["root"].cast(pl.String).str.strip_chars().str.strip_chars_start("^"))
        terms = [pl.lit(values[name]) for name in ("expiry", "right", "strike")]
        values["contract_symbol"] = pl.select(symbol_expr(root, *terms)).to_series()
    faults += _misplaced(values)
    names = ["session", "ticker", *(name for name in COLUMNS if name in values)]
    quotes = pl.DataFrame([values[name].alias(name) for name in names])
    # Calls and puts of one row have its time.
    count = batch.frame.height
    _require_one_time_of_day(reading, raw.head(count), values["session"].head(count))
    return _parted(reading, raw, quotes, faults, batch.broken)


def _parted(
    reading: Reading,
    raw: pl.DataFrame,
    quotes: pl.DataFrame,
    faults: list[tuple[pl.Series, str, str]],
    broken: pl.DataFrame,
) -> Typed:
    refused = pl.repeat(False, raw.height, dtype=pl.Boolean, eager=True)
    frames = []
    for mask, name, fault in faults:
        new = mask & ~refused
        if new.any():
            shown = raw[name].cast(pl.String) if name in raw.columns else quotes[name]
            text = shown.filter(new).cast(pl.String).fill_null("")
            reason = pl.format("{} {} {}", pl.lit(f"{name}"), text.cast(pl.String), pl.lit(fault))
            row = pl.concat_str(raw.filter(new).cast(pl.String).fill_null(""), separator=",")
            frames.append(raw.filter(new).select("line", reason=reason, text=row.str.slice(0, 200)))
            refused |= new
    sides = 2 if reading.head.layout.calls else 1
    refusals = pl.concat([*[broken] * sides, *(f.cast(dict(REFUSED_SCHEMA)) for f in frames)])  # type: ignore[arg-type]
    kept = quotes.filter(~refused) if frames else quotes
    if reading.only is not None:
        is_ours = kept["ticker"] == reading.only
        ours = kept if is_ours.all() else kept.filter(is_ours)
        return Typed(ours, refusals, kept.height - ours.height)
    return Typed(kept, refusals, 0)


def _with_days(reading: Reading, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of a call and a put with their dates read once, where all of them can be read."""
    head = reading.head
    names = [head.columns[name] for name in DATES if name in head.columns and head.layout.calls]
    days = [_days(reading, frame[name]).alias(name) for name in names]
    return frame.with_columns(one for one in days if not one.null_count())


def _one_a_row(head: Head, frame: pl.DataFrame) -> pl.DataFrame:
    """One row per contract under the platform's names, calls before puts."""
    common = [pl.col(theirs).alias(ours) for ours, theirs in head.columns.items()]
    lines = ["line"] if "line" in frame.columns else []
    if not head.layout.calls:
        return frame.select(*lines, *common)
    return pl.concat(
        frame.select(
            *lines,
            *common,
            *(pl.col(theirs).alias(ours) for ours, theirs in side.items()),
            right=pl.lit(right),
        )
        for right, side in (("call", head.layout.calls), ("put", head.layout.puts))
    )


def _rights(texts: pl.Series) -> pl.Series:
    """call or put for each text, null where it is neither; each distinct text is read once."""
    different = texts.unique().drop_nulls()
    plain = different.cast(pl.String).str.strip_chars().str.to_lowercase()
    rights = plain.replace_strict(RIGHTS, default=None, return_dtype=pl.String)
    if different.equals(rights):
        return texts
    if len(different) > FEW_TEXTS:
        return texts.replace_strict(different, rights, default=None, return_dtype=pl.String)
    # For a few texts, comparing with each is four times as fast as looking up each row.
    position = np.full(len(texts), len(different), dtype=np.uint32)
    for place, text in enumerate(different):
        position[(texts == text).fill_null(value=False).to_numpy()] = place
    return rights.extend(pl.Series([None], dtype=pl.String)).gather(position)


def _days(reading: Reading, stamps: pl.Series) -> pl.Series:
    """The date of each value, null where it is none; each distinct value is read once."""
    if stamps.dtype == pl.Date:
        return stamps
    if stamps.dtype != pl.String:
        different = stamps.unique().drop_nulls()
        try:
            days = days_of(different)
        except StampError as fault:
            raise SourceError(
                f"{reading.head.path.name}: in the column {stamps.name} {fault}"
            ) from None
        return stamps.replace_strict(different, days, default=None, return_dtype=pl.Date)
    runs = stamps.rle().struct.unnest()
    different = runs["value"].unique().drop_nulls()
    texts = different.to_list()
    reading.days |= _dates_in(reading, [text for text in texts if text not in reading.days])
    read = pl.Series([reading.days[text] for text in texts], dtype=pl.Date)
    days = runs["value"].replace_strict(different, read, default=None, return_dtype=pl.Date)
    return _repeated(days, runs["len"])


def _repeated(values: pl.Series, counts: pl.Series) -> pl.Series:
    """Each value as often as its count says: the rows of a file come in runs of the same day."""
    return values.gather(np.repeat(np.arange(len(values), dtype=np.uint32), counts.to_numpy()))


def _dates_in(reading: Reading, texts: list[str]) -> dict[str, date | None]:
    if not texts:
        return {}
    values = pl.Series("text", texts, dtype=pl.String)
    try:
        if not are_stamps(values):
            return dict(zip(texts, dates_of(values, reading.order).to_list(), strict=True))
        return dict(zip(texts, days_of(values).to_list(), strict=True))
    except StampError as fault:
        if len(texts) == 1 or fault.row is None:
            return dict.fromkeys(texts)
        return {text: day for one in texts for text, day in _dates_in(reading, [one]).items()}
    except DateTextError as error:
        raise SourceError(f"{reading.head.path.name}: {error}") from error


def _numbers(
    reading: Reading, raw: pl.DataFrame, faults: list[tuple[pl.Series, str, str]]
) -> dict[str, pl.Series]:
    values = {}
    layout = reading.head.layout
    for name in (name for name in raw.columns if name in FLOATS):
        number = raw[name]
        if number.dtype == pl.String:
            clean = raw.select(cleaned(pl.col(name)).alias(name))
            number = clean.select(number_expr(pl.col(name), reading.mark)).to_series()
            faults.append((number.is_null() & clean[name].is_not_null(), name, "is no number"))
        elif not (number.dtype.is_numeric() or number.dtype == pl.Null):
            raise SourceError(
                f"{reading.head.path.name}: the column {name} holds no numbers; correct it"
            )
        number = number.cast(pl.Float64)
        if not number.is_finite().all():
            faults.append((number.is_infinite().fill_null(value=False), name, "is no number"))
            number = number.fill_nan(None)
        if name in layout.unknown:
            number = number.set(number == layout.unknown[name], None)
        values[name] = number * layout.scale[name] if name in layout.scale else number
    return values


def _times(reading: Reading, raw: pl.DataFrame) -> dict[str, pl.Series]:
    values = {}
    stamp = quote_stamp(reading.head.above) if reading.head.layout.stamped else None
    if stamp is not None:
        values["quoted_at"] = pl.repeat(stamp, raw.height, eager=True)
    for name in (name for name in TIMES if name in raw.columns):
        try:
            values[name] = instants_of(raw[name])
        except StampError as fault:
            line = "" if fault.row is None else f" line {raw['line'][fault.row]}"
            raise SourceError(
                f"{reading.head.path.name}{line}: in the column {name} {fault}"
            ) from None
    return {
        name: value.cast(SOURCE_CHAIN_SCHEMA[name]).alias(name) for name, value in values.items()
    }


def _misplaced(values: dict[str, pl.Series]) -> list[tuple[pl.Series, str, str]]:
    """Quotes of another session, and trades after it."""
    faults = []
    session = values["session"]
    for name, fault in (
        ("quoted_at", "is not of the session"),
        ("last_trade_at", "is a trade after the session"),
    ):
        if name in values:
            day = values[name].dt.convert_time_zone("America/New_York").dt.date()
            wrong = day != session if name == "quoted_at" else day > session
            faults.append((wrong.fill_null(value=False), name, fault))
    return faults


def _tickers(
    reading: Reading, raw: pl.DataFrame, faults: list[tuple[pl.Series, str, str]]
) -> pl.Series:
    named = raw["ticker"].cast(pl.String) if "ticker" in raw.columns else None
    if named is None or named.null_count() == len(named):
        if reading.ticker is None:
            raise UsageError(
                f"neither {reading.head.path.name} nor its name has a ticker; give it: --ticker"
            )
        return pl.repeat(reading.ticker, raw.height, dtype=pl.String, eager=True)
    names = named.unique().drop_nulls()
    tickers = pl.Series([symbol_in_file(name) for name in names], dtype=pl.String)
    read = named.replace_strict(names, tickers, default=None, return_dtype=pl.String)
    faults.append((read.is_null(), "ticker", "is missing"))
    if reading.only is None:
        fault = "is not a ticker; name the one to convert: --ticker"
        faults.append((~_in(read, _ticker_names), "ticker", fault))
    return read


def _in(values: pl.Series, chosen: Any) -> pl.Series:
    """Whether each value is among those of its distinct values that `chosen` returns."""
    different = values.unique().drop_nulls().to_list()
    valid = chosen(different)
    if len(valid) == len(different) and not values.null_count():
        return pl.repeat(True, len(values), dtype=pl.Boolean, eager=True)
    return values.is_in(valid).fill_null(value=True)


def _sessions(days: list[date]) -> list[date]:
    return [day for day in days if FIRST_DAY <= day <= LAST_DAY and is_session(day)]


def _ticker_names(names: list[str]) -> list[str]:
    return [name for name in names if TICKER_PATTERN.fullmatch(name)]


def _require_one_time_of_day(reading: Reading, raw: pl.DataFrame, session: pl.Series) -> None:
    if "clock" not in raw.columns:
        return
    clock = raw["clock"].cast(pl.String)
    if len(clock.rle()) == 1:
        clocks = pl.DataFrame({"session": session.unique(), "clock": clock[0]})
    else:
        clocks = pl.DataFrame({"session": session, "clock": clock}).unique()
    for day, clock in clocks.drop_nulls().sort("session").iter_rows():
        if reading.clocks.setdefault(day.isoformat(), clock) != clock:
            raise SourceError(
                f"{reading.head.path.name} holds quotes at several times of day on {day} "
                f"({reading.clocks[day.isoformat()]}, {clock}); fetch the end-of-day file"
            )
