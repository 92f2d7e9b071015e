"""`surface_error`: the stored real chains measure the surface, and teach it each ticker's own."""

import dagster as dg
import polars as pl

from options_platform.contracts import SURFACE_ERROR, SURFACE_FIT
from options_platform.defs.shared.asset_options import asset_options, where_listed
from options_platform.defs.shared.context import answered_range, report_earlier_rows, result
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.surface_measures import measure_surface
from options_platform.settings import Settings


def make_surface_error(settings: Settings) -> dg.AssetsDefinition:
    """The asset `surface_error`; it also fills `surface_fit` and `chain_index`."""

    # A session may have no `option_chain`; `iv_history` comes from the same step and always runs.
    @dg.asset(
        **asset_options(
            SURFACE_ERROR,
            settings,
            group="market_data",
            kinds={"polars"},
            deps=["iv_history", "vix"],
        )
    )
    @where_listed(settings)
    def surface_error(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        written = dict(measure_surface(platform, selected))
        errors, fits = written[SURFACE_ERROR], written[SURFACE_FIT]
        earlier = errors.select("date", "ticker").unique().sort("date", "ticker")
        extra = {
            "sessions_measured": fits.height,
            "earlier_sessions": report_earlier_rows(
                context, SURFACE_ERROR, earlier, selected.start
            ),
            "tickers_with_a_fit": int(fits.drop_nulls("c")["ticker"].n_unique()),
            "tickers_priced_by_it": int(fits.filter("is_adopted")["ticker"].n_unique()),
        }
        mean = errors.select((pl.col("mae_points") * pl.col("n")).sum() / pl.col("n").sum()).item()
        if mean is not None and errors.height:
            extra["mean_error_points"] = mean
        return result(context, errors, selected, extra)

    return surface_error
