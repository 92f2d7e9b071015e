"""Converts what yfinance returns into the frames of the ports."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import polars as pl

from options_platform.adapters.ports.market_data import (
    BAR_SCHEMA,
    EARNINGS_SCHEMA,
    SOURCE_CHAIN_SCHEMA,
)
from options_platform.adapters.sources.http.retry import FetchError
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.chain.occ_symbols import parse_symbols

if TYPE_CHECKING:
    import pandas as pd

BAR_COLUMNS = {
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "adj_close": "Adj Close",
    "volume": "Volume",
    "dividend": "Dividends",
    "split_ratio": "Stock Splits",
}
CONTRACT_COLUMNS = {
    "contract_symbol": "contractSymbol",
    "strike": "strike",
    "bid": "bid",
    "ask": "ask",
    "last": "lastPrice",
    "last_trade_at": "lastTradeDate",
    "volume": "volume",
    "open_interest": "openInterest",
    "source_iv": "impliedVolatility",
}
SHARES = {"REGULAR": 100.0, "MINI": 10.0}
OPEN, CLOSE = time(9, 30), time(16, 0)
MIDNIGHT, EARLIEST = time(0, 0), time(4, 0)


def bars(ticker: str, frame: pd.DataFrame, chart: Any) -> pl.DataFrame:
    """A history in BAR_SCHEMA; a day that Yahoo lists twice has both bars."""
    table = _columns(frame)
    ratio = pl.when(pl.col("split_ratio") > 0).then(pl.col("split_ratio")).otherwise(1.0)
    table = table.with_columns(split_ratio=ratio)
    # The response reaches to today, so it has the splits after the requested end, for which its
    # prices are adjusted.
    later = pl.col("split_ratio").cum_prod(reverse=True).shift(-1, fill_value=1.0)
    table = _with_doubles(table.with_columns(split_factor=later), chart)
    table = table.with_columns(ticker=pl.lit(ticker), source=pl.lit("yahoo"))
    return table.select(BAR_SCHEMA.names()).cast(dict(BAR_SCHEMA))  # type: ignore[arg-type]


def prices(frame: pd.DataFrame, chart: Any) -> pl.DataFrame:
    """`date` and the columns of a history; a day that Yahoo lists twice has both bars."""
    return _with_doubles(_columns(frame), chart)


def first_day(chart: Any) -> date | None:
    """The first day of the symbol's history; None if Yahoo does not give it."""
    stamp = chart["meta"].get("firstTradeDate")
    return None if stamp is None else datetime.fromtimestamp(stamp, NEW_YORK).date()


def option_contracts(ticker: str, options: Any) -> pl.DataFrame:
    """The calls and puts of one expiry in SOURCE_CHAIN_SCHEMA, from yfinance's `Options`.

    Raises :class:`FetchError` without a price of the underlying or a readable contract symbol.
    """
    quote = options.underlying or {}
    shown, spot = quote.get("regularMarketTime"), quote.get("regularMarketPrice")
    if shown is None or spot is None:
        raise FetchError("the answer holds no price of the underlying")
    import pandas as pd

    both = pd.concat([options.calls, options.puts])
    table = pl.DataFrame(
        {
            "contract_symbol": pl.Series(both["contractSymbol"].tolist(), dtype=pl.String),
            "last_trade_at": pl.Series(
                [None if pd.isna(at) else at.to_pydatetime() for at in both["lastTradeDate"]],
                dtype=SOURCE_CHAIN_SCHEMA["last_trade_at"],
            ),
            "multiplier": pl.Series(
                [SHARES.get(size) for size in both["contractSize"]], dtype=pl.Float64
            ),
            **{
                name: pl.Series(both[column].to_numpy(dtype="float64"), dtype=pl.Float64)
                for name, column in CONTRACT_COLUMNS.items()
                if name not in ("contract_symbol", "last_trade_at")
            },
        }
    ).fill_nan(None)
    terms = parse_symbols(table["contract_symbol"])
    unknown = [
        name for name in SOURCE_CHAIN_SCHEMA if name.startswith("source_") and name != "source_iv"
    ]
    table = table.with_columns(
        quoted_at=pl.lit(datetime.fromtimestamp(shown, UTC)),
        ticker=pl.lit(ticker),
        expiry=terms["expiry"],
        right=terms["right"],
        spot=pl.lit(float(spot)),
        source=pl.lit("yahoo"),
        **{name: pl.lit(None) for name in unknown},
    )
    unread = table.filter(pl.any_horizontal(pl.col("expiry", "right").is_null()))
    if table.is_empty() or unread.height:
        named = unread["contract_symbol"][0] if unread.height else "none"
        raise FetchError(f"the contract symbol {named} cannot be read")
    return table.select(SOURCE_CHAIN_SCHEMA.names()).cast(dict(SOURCE_CHAIN_SCHEMA))  # type: ignore[arg-type]


def earnings(ticker: str, page: pd.DataFrame) -> pl.DataFrame:
    """A page of the earnings calendar in EARNINGS_SCHEMA; FetchError for an unreadable date."""
    stamps = [stamp.to_pydatetime() for stamp in page.index.dropna()]
    if len(stamps) < len(page):
        raise FetchError("an earnings date cannot be read")
    reports = [_day_and_timing(stamp) for stamp in stamps]
    return pl.DataFrame(
        {
            "date": [day for day, _ in reports],
            "ticker": [ticker] * len(reports),
            "timing": [timing for _, timing in reports],
            "eps_estimate": _floats(page["EPS Estimate"]),
            "eps_reported": _floats(page["Reported EPS"]),
            "source": ["yahoo"] * len(reports),
        },
        schema=EARNINGS_SCHEMA,
    )


def _day_and_timing(stamp: datetime) -> tuple[date, str | None]:
    """The day of a report and its timing, None where Yahoo gives no hour.

    Midnight in UTC, 19:00 or 20:00 of the day before in New York, is a day without an hour, as is
    midnight in New York.
    """
    in_utc, local = stamp.astimezone(UTC), stamp.astimezone(NEW_YORK)
    if in_utc.time() == MIDNIGHT:
        return in_utc.date(), None
    if local.time() >= CLOSE:
        return local.date(), "after_close"
    is_early = EARLIEST <= local.time() < OPEN
    return local.date(), "before_open" if is_early else None


def _floats(column: pd.Series[Any]) -> pl.Series:
    return pl.Series(column.to_numpy(dtype="float64"), dtype=pl.Float64).fill_nan(None)


def _columns(frame: pd.DataFrame) -> pl.DataFrame:
    columns = {
        name: pl.Series(name, frame[column].to_numpy(dtype="float64"), dtype=pl.Float64)
        if column in frame.columns
        else pl.Series(name, [None] * len(frame), dtype=pl.Float64)
        for name, column in BAR_COLUMNS.items()
    }
    # The index has midnights in New York; their local date is the session.
    days = [stamp.date() for stamp in frame.index]
    return pl.DataFrame({"date": pl.Series(days, dtype=pl.Date), **columns}).fill_nan(None)


def _with_doubles(table: pl.DataFrame, chart: Any) -> pl.DataFrame:
    """`table` with both bars of a day that the chart lists twice; yfinance keeps only one.

    The price of the running session, which Yahoo appends at the time of that price, is not a bar.
    """
    stamps = list(chart["timestamp"])
    running = len(stamps) > 1 and stamps[-1] == chart["meta"].get("regularMarketTime")
    quote = chart["indicators"]["quote"][0]
    adjusted = chart["indicators"].get("adjclose", [{}])[0].get("adjclose", quote["close"])
    parts = {"adj_close": adjusted, **{name: quote[name] for name in ("open", "high", "low")}}
    parts |= {"close": quote["close"], "volume": quote["volume"]}
    raw = pl.DataFrame(
        {
            "date": [datetime.fromtimestamp(stamp, NEW_YORK).date() for stamp in stamps],
            **{name: pl.Series(values, dtype=pl.Float64) for name, values in parts.items()},
        }
    )
    raw = raw.head(-1) if running else raw
    doubled = raw.filter(pl.len().over("date") > 1)
    if doubled.is_empty():
        return table
    other = [name for name in table.columns if name not in parts]
    bars = doubled.join(
        table.select(other).unique("date", maintain_order=True),
        on="date",
        how="left",
        maintain_order="left",
    )
    single = table.join(doubled, on="date", how="anti", maintain_order="left")
    return pl.concat([single, bars.select(table.columns)]).sort("date", maintain_order=True)
