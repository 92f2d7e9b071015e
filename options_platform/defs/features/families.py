"""`earnings_features` and `cross_features`: further families of features.

Of the first, `features`, `labels`, `regime` and the volatility model of a stock read what its
reports do to volatility; the rest of both is read by variants of `research` alone. A home of funds
alone has neither. `cross_features` reads other tickers' rows, so a partition
depends on the same date of all tickers, and its backfill policy is unlike that of what it reads:
a backfill of the web UI then finishes the data of every ticker first.
"""

from dataclasses import replace

import dagster as dg
import polars as pl

from options_platform.common import KEY, PartitionRange
from options_platform.contracts import Table
from options_platform.defs.features.assets import read_market
from options_platform.defs.shared.all_tickers import all_tickers
from options_platform.defs.shared.asset_options import (
    MODEL_POLICY,
    asset_options,
    where_listed,
)
from options_platform.defs.shared.context import answered_range, report_earlier_rows, result
from options_platform.defs.shared.unchanged import report_unchanged
from options_platform.domain.earnings.known_sessions import newest_reactions
from options_platform.domain.earnings.report_rows import earnings_features as report_columns
from options_platform.domain.feature_engine.cross_rows import cross_features as cross_columns
from options_platform.domain.feature_engine.cross_rows import universe_ids
from options_platform.domain.features.cross_features import CROSS
from options_platform.domain.features.report_features import EARNINGS
from options_platform.domain.features.table import (
    CROSS_FEATURES_TABLE,
    EARNINGS_FEATURES_TABLE,
    FEATURES_TABLE,
    family_version,
)
from options_platform.domain.market.changed_rows import rows_to_write
from options_platform.domain.market.index_series import all_funds
from options_platform.services.market_data.family_inputs import (
    dates_known,
    own_iv,
    own_volatility,
    stored_chains,
)
from options_platform.services.market_data.platform import Platform
from options_platform.settings import Settings

READ = ("raw_ohlcv", "vix", "earnings")
RANKED_COLUMNS = ["returns_20d", "returns_60d", "hv_20"]


def make_families(settings: Settings, *, with_chains: bool = False) -> list[dg.AssetsDefinition]:
    """Both assets; `with_chains` if the source provides chains, their inputs then."""
    deps = (*READ, *(("iv_history",) if with_chains else ()))
    return [_make_earnings(settings, deps), _make_cross(settings, ("features", *deps))]


def _make_earnings(settings: Settings, deps: tuple[str, ...]) -> dg.AssetsDefinition:
    @dg.asset(
        **asset_options(
            EARNINGS_FEATURES_TABLE,
            settings,
            group="features",
            kinds={"polars"},
            deps=deps,
            code_version=family_version(EARNINGS),
        )
    )
    @where_listed(settings)
    def earnings_features(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        bars, _ = read_market(platform, selected)
        rows = report_columns(
            bars,
            own_iv(platform.warehouse, selected.tickers, selected.end),
            dates_known(platform, selected.tickers),
            stored_chains(platform, selected.tickers, selected.end),
        )
        return _stored(context, platform, EARNINGS_FEATURES_TABLE, rows, selected, deps)

    return earnings_features


def _make_cross(settings: Settings, deps: tuple[str, ...]) -> dg.AssetsDefinition:
    @dg.asset(
        **asset_options(
            CROSS_FEATURES_TABLE,
            settings,
            group="features",
            kinds={"numpy"},
            deps=[all_tickers(name) for name in deps],
            policy=MODEL_POLICY,
            code_version=family_version(CROSS),
        )
    )
    @where_listed(settings)
    def cross_features(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        everyone = replace(selected, tickers=settings.tickers)
        rows = cross_columns(
            _side_by_side(platform, everyone),
            newest_reactions(
                read_market(platform, everyone)[0], dates_known(platform, settings.tickers)
            ),
            universe=settings.tickers,
            funds=all_funds(settings.plan.chain.surface.funds),
            groups=settings.groups,
            since=settings.members_since,
        ).filter(pl.col("ticker").is_in(selected.tickers))
        newest = pl.Series([selected.end])
        ids = universe_ids(newest, settings.tickers, settings.members_since)
        extra = {"universe_id": str(ids.item())}
        return _stored(context, platform, CROSS_FEATURES_TABLE, rows, selected, deps, extra)

    return cross_features


def _side_by_side(platform: Platform, everyone: PartitionRange) -> pl.DataFrame:
    """The rows of all tickers with what `cross_features` is computed from."""
    bars, vix = read_market(platform, everyone)
    warehouse, own = (
        platform.warehouse,
        own_volatility(platform.warehouse, everyone.tickers, everyone.end),
    )
    features = warehouse.read(
        FEATURES_TABLE,
        columns=[*KEY, *RANKED_COLUMNS],
        tickers=everyone.tickers,
        end=everyone.end,
    )
    return (
        bars.select(*KEY, "close")
        .join(vix.select(*KEY, "vix"), on=KEY, how="left")
        .join(own, on=KEY, how="left")
        .join(features, on=KEY, how="left")
    )


def _stored(
    context: dg.AssetExecutionContext,
    platform: Platform,
    table: Table,
    rows: pl.DataFrame,
    selected: PartitionRange,
    deps: tuple[str, ...],
    extra: dict[str, str] | None = None,
) -> dg.MaterializeResult:
    """Write the range, and earlier rows that changed; report both."""
    stored = platform.warehouse.read(table, tickers=selected.tickers, end=selected.end)
    written = rows_to_write(rows, stored, start=selected.start)
    platform.warehouse.write([(table, written)])
    earlier = report_earlier_rows(context, table, written, selected.start)
    report_unchanged(context, table, rows, written, inputs=deps)
    return result(context, written, selected, {"earlier_rows_written": earlier, **(extra or {})})
