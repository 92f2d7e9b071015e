"""`raw_ohlcv` and `vix`: what the source gave, cleaned and laid on New York's sessions."""

import dagster as dg
import polars as pl

from options_platform.adapters.own_iv import OwnIvSource
from options_platform.adapters.ports import MarketDataSource
from options_platform.contracts import QUARANTINE, RAW_OHLCV, VIX
from options_platform.defs.assets.common import asset_options
from options_platform.defs.assets.own_iv import vix_inputs
from options_platform.defs.context import report_earlier_rows, result, selected_range
from options_platform.defs.partitions import RunRange, first_date
from options_platform.defs.resources import Platform
from options_platform.domain.bars import clean_bars
from options_platform.domain.calendar import sessions
from options_platform.domain.index_series import align_indices
from options_platform.domain.iv_history import series_names
from options_platform.domain.vintage import restated_tickers, rows_to_write
from options_platform.settings import Settings

PROVENANCE = ("fetched_at", "adj_close")


def make_raw_ohlcv(settings: Settings) -> dg.AssetsDefinition:
    """The asset `raw_ohlcv`."""

    @dg.asset(**asset_options(RAW_OHLCV, settings, group="market_data", kinds={"source"}))
    def raw_ohlcv(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = selected_range(context, settings)
        rows, quarantined = fetch_bars(platform, selected)
        stored = platform.warehouse.read(RAW_OHLCV, tickers=selected.tickers, end=selected.end)
        restated = restated_tickers(rows, stored)
        stale = stored.filter(~pl.col("ticker").is_in(restated))
        written = rows_to_write(rows, stale, start=selected.start, ignore=PROVENANCE)
        platform.warehouse.write([(RAW_OHLCV, written), (QUARANTINE, quarantined)])
        earlier = report_earlier_rows(context, RAW_OHLCV, written, selected.start)
        source = platform.source().info
        return result(
            context,
            written,
            selected,
            {
                "source": source.label,
                "proxy": source.proxy,
                "bars_set_aside": quarantined.height,
                "earlier_rows_written": earlier,
                "restated_tickers": ", ".join(restated) or "none",
            },
        )

    return raw_ohlcv


def fetch_bars(platform: Platform, selected: RunRange) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All bars of the range's tickers from the first session on, and those set aside."""
    start = first_date(platform.settings)
    source, now = platform.source(), platform.now()
    days = sessions(start, selected.end)
    cleaned = []
    for at, ticker in enumerate(selected.tickers):
        platform.progress("fetching bars", at, len(selected.tickers))
        bars = source.bars(ticker, start, selected.end)
        cleaned.append(clean_bars(bars, days, source.info.name, now))
    return (
        pl.concat([part.rows for part in cleaned]),
        pl.concat([part.quarantined for part in cleaned]),
    )


def make_vix(settings: Settings) -> dg.AssetsDefinition:
    """The asset `vix`."""

    @dg.asset(
        **asset_options(
            VIX, settings, group="market_data", kinds={"source"}, deps=vix_inputs(settings)
        )
    )
    def vix(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = selected_range(context, settings)
        keys = platform.warehouse.read(
            RAW_OHLCV, columns=["date", "ticker"], tickers=selected.tickers, end=selected.end
        )
        rows = align_indices(
            keys,
            fetch_indices(OwnIvSource(platform.source(), platform.warehouse), settings, selected),
            series_names(settings.iv_symbols),
            platform.source().info.name,
            platform.now(),
        )
        stored = platform.warehouse.read(VIX, tickers=selected.tickers, end=selected.end)
        written = rows_to_write(rows, stored, start=selected.start, ignore=PROVENANCE[:1])
        platform.warehouse.write([(VIX, written)])
        earlier = report_earlier_rows(context, VIX, written, selected.start)
        return result(context, written, selected, {"earlier_rows_written": earlier})

    return vix


def fetch_indices(source: MarketDataSource, settings: Settings, selected: RunRange) -> pl.DataFrame:
    """The closes of the VIX and of each index that a ticker of the range uses."""
    names = series_names(settings.iv_symbols)
    symbols = {"VIX", *(names[ticker] for ticker in selected.tickers)}
    start = first_date(settings)
    return pl.concat([source.index_bars(symbol, start, selected.end) for symbol in sorted(symbols)])
