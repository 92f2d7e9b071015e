"""`raw_ohlcv` and `vix`: bars and volatility indices of the source, cleaned, by session."""

import dagster as dg

from options_platform.common import KEY, PartitionRange
from options_platform.contracts import IV_HISTORY, RAW_OHLCV, VIX
from options_platform.defs.shared.asset_options import (
    asset_options,
    freshness_policy,
    not_computed,
)
from options_platform.defs.shared.context import report_rows, result, selected_range
from options_platform.defs.shared.unchanged import report_unchanged
from options_platform.errors import SourceError
from options_platform.services.market_data.bars import UpdateRequest, update_bars
from options_platform.services.market_data.failed_tickers import (
    record_failures,
    withheld,
    without,
)
from options_platform.services.market_data.indices import update_indices
from options_platform.services.market_data.own_chain_source import OwnIvSource
from options_platform.services.market_data.own_chains import vix_inputs
from options_platform.services.market_data.own_indices import resolved_iv_symbols
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import first_date
from options_platform.services.market_data.yields_and_tenors import update_series
from options_platform.settings import Settings


def make_raw_ohlcv(settings: Settings) -> dg.AssetsDefinition:
    """The asset `raw_ohlcv`."""

    @dg.asset(
        **asset_options(RAW_OHLCV, settings, group="market_data", kinds={"source"}),
        freshness_policy=freshness_policy(settings),
    )
    def raw_ohlcv(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = selected_range(context, settings)
        source, warehouse = platform.source(), platform.warehouse
        update = update_bars(
            source,
            warehouse,
            update_request(settings, selected),
            platform.now(),
            second=platform.second_source(),
            progress=platform.progress,
        )
        record_failures(warehouse, RAW_OHLCV, selected, update.failures, platform.now())
        answered = without(selected, update.failures)
        if not answered.tickers:
            return not_computed(context, settings, next(iter(update.failures.values())))
        warehouse.write(update.frames(RAW_OHLCV))
        report_rows(context, RAW_OHLCV, update.outside)
        return result(
            context,
            update.rows,
            answered,
            {"source": source.info.label, "proxy": source.info.proxy, **update.summary()},
        )

    return raw_ohlcv


def update_request(settings: Settings, selected: PartitionRange) -> UpdateRequest:
    """The sessions and tickers that the run has to bring up to date."""
    return UpdateRequest(
        selected.start,
        selected.end,
        selected.tickers,
        first=first_date(settings),
        overlap=settings.overlap_sessions,
        pool=settings.tickers,
    )


def make_vix(settings: Settings) -> dg.AssetsDefinition:
    """The asset `vix`."""

    @dg.asset(
        **asset_options(
            VIX, settings, group="market_data", kinds={"source"}, deps=vix_inputs(settings)
        ),
        freshness_policy=freshness_policy(settings),
    )
    def vix(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = selected_range(context, settings)
        source, warehouse = platform.source(), platform.warehouse
        with_bars = without(
            selected, withheld(warehouse, selected.tickers, selected.end, (RAW_OHLCV,))
        )
        if not with_bars.tickers:
            return not_computed(context, settings)
        series = update_series(
            source, warehouse, first_date(settings), selected.end, platform.now()
        )
        failures: dict[str, SourceError] = {}
        symbols = resolved_iv_symbols(
            settings, source, warehouse, platform.now(), with_bars.tickers, failures
        )
        answered = without(with_bars, failures)
        if answered.tickers:
            try:
                update = update_indices(
                    OwnIvSource(source, warehouse),
                    warehouse,
                    update_request(settings, answered),
                    symbols,
                    platform.now(),
                    settings.earnings,
                )
                failures |= update.failures
            except SourceError as error:
                failures |= dict.fromkeys(answered.tickers, error)
                answered = without(answered, failures)
        record_failures(warehouse, VIX, with_bars, failures, platform.now())
        if not answered.tickers:
            return not_computed(context, settings, next(iter(failures.values())))
        answered = without(answered, failures)
        warehouse.write(update.frames(VIX))
        report_rows(context, VIX, update.outside)
        # Published values depend only on the dates of the bars, and modelled ones were computed
        # anew, so unchanged rows stay valid.
        unread = [IV_HISTORY.name]
        report_unchanged(
            context,
            VIX,
            warehouse.read(VIX, columns=KEY, tickers=answered.tickers, end=selected.end),
            update.rows,
            inputs=[name for name in vix_inputs(settings) if name not in unread],
            not_read=[name for name in vix_inputs(settings) if name in unread],
        )
        return result(context, update.rows, answered, {**update.summary(), "series": series})

    return vix
