"""The modelled volatility of stocks, from stored bars, the VIX and what was known of reports.

Each session's value is of its own close; a report that is dated, moved or corrected later has no
part in it (:mod:`known_dates <options_platform.domain.earnings.known_dates>`).
"""

from __future__ import annotations

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import EARNINGS_KNOWN, RAW_OHLCV, VIX
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.modelled_inputs import NO_VIX, modelled_inputs
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.earnings.stock_iv import event_variance, modelled_iv
from options_platform.domain.market.index_series import MODEL_PREFIX, MODELLED

SCHEMA = pl.Schema(
    {"date": pl.Date, "ticker": pl.String, "close": pl.Float64}
    | {name: VIX.schema[name] for name in MODELLED}
)


def modelled_rows(
    warehouse: Warehouse, keys: pl.DataFrame, vix: pl.DataFrame, rules: EarningsRules
) -> pl.DataFrame:
    """The modelled volatility of each (date, ticker) of `keys`, which have a stored bar.

    Args:
        warehouse: the stored bars and the record of reports.
        keys: date and ticker.
        vix: date and close of the VIX, index points.
        rules: how dates of reports are read.

    Returns:
        date, ticker, `close` (index points), `iv_missing` (the reason where it is null),
        `event_var` and `event_anchor` (null where no next report or no past moves are known).
    """
    frames = [pl.DataFrame(schema=SCHEMA)]
    for (ticker,), own in keys.sort(KEY).group_by("ticker", maintain_order=True):
        days = own["date"].to_list()
        scope = {"tickers": [ticker], "end": days[-1]}
        bars = warehouse.read(RAW_OHLCV, columns=["date", "close", "bad_reason"], **scope)
        good = pl.when(pl.col("bad_reason").is_null()).then("close")
        record = warehouse.read(EARNINGS_KNOWN, tickers=[str(ticker)])
        known = KnownDates(str(ticker), record, rules)
        inputs = modelled_inputs(bars.with_columns(close=good), known, days)
        frames.append(
            _valued(inputs, vix).with_columns(ticker=pl.lit(ticker)).select(SCHEMA.names())
        )
    return pl.concat(frames)


def _valued(inputs: pl.DataFrame, vix: pl.DataFrame) -> pl.DataFrame:
    level = vix.select("date", vix="close")
    rows = inputs.join(level, on="date", how="left", maintain_order="left")
    has_vix = pl.col("vix").is_not_null()
    return rows.select(
        "date",
        close=pl.when(pl.col("missing").is_null() & has_vix).then(100.0 * modelled_iv()),
        iv_missing=pl.coalesce("missing", pl.when(~has_vix).then(pl.lit(NO_VIX))),
        event_var=pl.when(pl.col("event_anchor").is_not_null()).then(event_variance()),
        event_anchor=pl.when(pl.col("rms_move").is_not_null()).then("event_anchor"),
    )


def modelled_closes(rows: pl.DataFrame, source: str) -> pl.DataFrame:
    """The values of :func:`modelled_rows` as closes of indices named `MODEL:TICKER`."""
    return rows.filter(pl.col("close").is_not_null()).select(
        "date",
        "close",
        symbol=pl.concat_str(pl.lit(MODEL_PREFIX), "ticker"),
        source=pl.lit(f"{source} model"),
    )


def differs(rows: pl.DataFrame, stored: pl.DataFrame, tolerance: float) -> bool:
    """Whether a stored modelled value, or its next report, is another than in `rows`."""
    was = stored.filter(pl.col("iv_symbol").str.starts_with(MODEL_PREFIX)).select(
        *KEY, "event_anchor", close=pl.when(pl.col("iv_age") == 0).then("iv_close")
    )
    both = rows.join(was, on=list(KEY), suffix="_was")
    moved = (pl.col("close") - pl.col("close_was")).abs() > tolerance * pl.col("close_was")
    came = pl.col("close").is_null() != pl.col("close_was").is_null()
    dated = pl.col("event_anchor").ne_missing(pl.col("event_anchor_was"))
    return both.filter(moved.fill_null(value=False) | came | dated).height > 0
