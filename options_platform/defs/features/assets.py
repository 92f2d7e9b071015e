"""`features` and `labels`: the inputs of the models and the outcomes that they predict."""

from dataclasses import replace
from datetime import date

import dagster as dg
import polars as pl

from options_platform.common import PartitionRange
from options_platform.contracts import GARCH_PARAMS, LABELS, RAW_OHLCV, VIX
from options_platform.defs.shared.asset_options import asset_options, where_listed
from options_platform.defs.shared.context import answered_range, report_earlier_rows, result
from options_platform.defs.shared.unchanged import report_unchanged
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain.term_structure import with_atm_variance
from options_platform.domain.feature_engine.compute import compute_features, good_bars
from options_platform.domain.feature_engine.garch import fit_missing
from options_platform.domain.feature_engine.labels import compute_labels
from options_platform.domain.features.registry import feature_version
from options_platform.domain.features.table import EARNINGS_FEATURES_TABLE, FEATURES_TABLE
from options_platform.domain.market.changed_rows import rows_to_write
from options_platform.errors import IncompleteDataError
from options_platform.services.market_data.family_inputs import (
    companies,
    scaled_labels,
    stored_report_features,
)
from options_platform.services.market_data.listing import listed_pool
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.yields_and_tenors import stored_tenors
from options_platform.settings import Settings

MARKET = ("raw_ohlcv", "vix")


def make_features(settings: Settings) -> dg.AssetsDefinition:
    """The asset `features`."""

    read = inputs_of(settings)

    @dg.asset(
        **asset_options(
            FEATURES_TABLE,
            settings,
            group="features",
            kinds={"polars"},
            deps=read,
            code_version=feature_version(),
        )
    )
    @where_listed(settings)
    def features(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        warehouse = platform.warehouse
        bars, vix = read_market(platform, selected)
        stored_fits = warehouse.read(GARCH_PARAMS, tickers=selected.tickers)
        fits, new_fits = fit_missing(
            good_bars(bars), stored_fits, workers=settings.workers, progress=platform.progress
        )
        warehouse.upsert(GARCH_PARAMS, new_fits)
        tenors = stored_tenors(warehouse)
        premium_inputs = with_atm_variance(vix, tenors, settings.plan.chain.surface)
        reports = stored_report_features(warehouse, settings, selected)
        rows = compute_features(bars, vix, fits, settings.regime, premium_inputs, reports)
        stored = warehouse.read(FEATURES_TABLE, tickers=selected.tickers, end=selected.end)
        written = rows_to_write(rows, stored, start=selected.start)
        warehouse.write([(FEATURES_TABLE, written)])
        earlier = report_earlier_rows(context, FEATURES_TABLE, written, selected.start)
        report_unchanged(context, FEATURES_TABLE, rows, written, inputs=read)
        return result(
            context,
            written,
            selected,
            {
                "feature_version": feature_version(),
                "garch_fits_made": new_fits.height,
                "earlier_rows_written": earlier,
            },
        )

    return features


def make_labels(settings: Settings) -> dg.AssetsDefinition:
    """The asset `labels`; a run up to D also completes earlier rows whose outcome D makes known."""

    read = inputs_of(settings)

    @dg.asset(**asset_options(LABELS, settings, group="features", kinds={"polars"}, deps=read))
    @where_listed(settings)
    def labels(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        bars, vix = read_market(platform, selected)
        rows = compute_labels(
            bars,
            vix,
            settings.labels,
            scaled=scaled_labels(settings),
            reports=stored_report_features(platform.warehouse, settings, selected),
        )
        stored = platform.warehouse.read(LABELS, tickers=selected.tickers, end=selected.end)
        written = rows_to_write(rows, stored, start=selected.start)
        platform.warehouse.write([(LABELS, written)])
        earlier = report_earlier_rows(context, LABELS, written, selected.start)
        report_unchanged(context, LABELS, rows, written, inputs=read)
        counts = dict(rows.group_by("direction").len().sort("direction").iter_rows())
        return result(
            context,
            written,
            selected,
            {
                "earlier_rows_written": earlier,
                "classes": {k or "not known yet": v for k, v in counts.items()},
            },
        )

    return labels


def inputs_of(settings: Settings) -> tuple[str, ...]:
    """The assets that `features` and `labels` read; with a company, what was known of reports."""
    return (*MARKET, EARNINGS_FEATURES_TABLE.name) if companies(settings) else MARKET


def read_market(platform: Platform, selected: PartitionRange) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All rows of `raw_ohlcv` and `vix` of the range's tickers, up to the end of the range.

    A ticker that is not yet listed has none; one whose source has failed may end early.
    Raises :class:`IncompleteDataError` if a session
    after a ticker's first bar has no row.
    """
    bars = platform.warehouse.read(RAW_OHLCV, tickers=selected.tickers, end=selected.end)
    vix = platform.warehouse.read(VIX, tickers=selected.tickers, end=selected.end)
    listed = listed_pool(platform.warehouse, selected.tickers, selected.end)
    require_whole(bars, replace(selected, tickers=listed), "raw_ohlcv")
    listed_bars = bars.filter(pl.col("ticker").is_in(listed))
    missing = listed_bars.join(vix, on=["date", "ticker"], how="anti")
    if missing.height:
        _raise_incomplete("vix", missing.select("date", "ticker"))
    return bars, vix


def require_whole(bars: pl.DataFrame, selected: PartitionRange, table: str) -> None:
    """Raise :class:`IncompleteDataError` unless each ticker has every session up to the end."""
    firsts = dict(bars.group_by("ticker").agg(pl.col("date").min()).iter_rows())
    for ticker in selected.tickers:
        first: date | None = firsts.get(ticker)
        if first is None:
            expected = pl.DataFrame({"date": [selected.end]})
        else:
            expected = pl.DataFrame({"date": sessions(first, selected.end)})
        stored = bars.filter(pl.col("ticker") == ticker)
        missing = expected.join(stored, on="date", how="anti").with_columns(ticker=pl.lit(ticker))
        if missing.height:
            _raise_incomplete(table, missing)


def _raise_incomplete(table: str, missing: pl.DataFrame) -> None:
    first, ticker = missing.row(0)
    last = max(missing["date"].to_list())
    raise IncompleteDataError(
        f"{table} has no rows for {missing.height} session(s) of {ticker} ({first} to {last}); "
        f"run: options-platform backfill --start {first} --end {last} --select raw_ohlcv,vix"
    )
