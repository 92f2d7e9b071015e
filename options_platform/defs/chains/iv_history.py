"""Bringing `iv_history` up to date from the stored chains."""

import dagster as dg
import polars as pl

from options_platform.common import PartitionRange
from options_platform.contracts import IV_HISTORY, OPTION_CHAIN, RAW_OHLCV
from options_platform.defs.shared.context import report_earlier_rows
from options_platform.defs.shared.unchanged import report_unchanged
from options_platform.domain.feature_engine.iv_history import build_history, chain_iv
from options_platform.domain.market.changed_rows import rows_to_write
from options_platform.services.market_data.chains import BATCH
from options_platform.services.market_data.platform import Platform

IV_COLUMNS = ("date", "ticker", "expiry", "dte", "years", "strike", "iv", "spot", "quality")


def write_history(
    context: dg.AssetExecutionContext, platform: Platform, selected: PartitionRange
) -> pl.DataFrame:
    """Write `iv_history` up to the range's end; the rows that were written."""
    warehouse = platform.warehouse
    keys = warehouse.read(
        RAW_OHLCV, columns=["date", "ticker"], tickers=selected.tickers, end=selected.end
    )
    stored = warehouse.read(IV_HISTORY, tickers=selected.tickers, end=selected.end)
    rows = build_history(keys, chain_values(platform, selected, stored))
    written = rows_to_write(rows, stored, start=selected.start)
    if written.height:
        warehouse.write([(IV_HISTORY, written)])
    report_earlier_rows(context, IV_HISTORY, written, selected.start)
    report_unchanged(
        context,
        IV_HISTORY,
        rows,
        written,
        inputs=[RAW_OHLCV.name],
        not_read=[OPTION_CHAIN.name],
    )
    return written


def chain_values(
    platform: Platform, selected: PartitionRange, stored: pl.DataFrame
) -> pl.DataFrame:
    """The volatility in the stored chains of the range's tickers.

    A value that is stored for a session before the range came from its chain alone, so it is
    kept, and the chain is not read again.
    """
    kept = stored.filter((pl.col("date") < selected.start) & pl.col("iv_30d").is_not_null())
    done = set(kept.select("date", "ticker").rows())
    stored_chains = platform.chains.stored(tickers=selected.tickers, end=selected.end)
    keys = [key for key in stored_chains if key not in done]
    rates = platform.settings.plan.chain
    values = [
        chain_iv(
            pl.concat(
                [
                    platform.chains.read([], columns=IV_COLUMNS),
                    *(
                        platform.chains.readable(k, columns=IV_COLUMNS)
                        for k in keys[at : at + BATCH]
                    ),
                ]
            ),
            platform.settings.own_iv,
            rate=rates.risk_free_rate,
            dividend=rates.dividend_yield,
        )
        for at in range(0, max(len(keys), 1), BATCH)
    ]
    return pl.concat([kept.select(values[0].columns), *values])
