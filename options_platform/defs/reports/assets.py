"""The unpartitioned assets: the SQL marts and the report."""

from collections.abc import Collection, Iterator

import dagster as dg

from options_platform.adapters.storage.marts import SCHEMA, Mart, load_marts
from options_platform.contracts import BACKTEST_TABLES
from options_platform.defs.shared.asset_options import OWNERS
from options_platform.reporting.cross_ticker import READ_MARTS
from options_platform.reporting.report import write_report
from options_platform.reporting.session.links import report_url
from options_platform.services.accounting.ticker_groups import build_grouped_marts
from options_platform.services.market_data.platform import Platform
from options_platform.services.trading.home_copy import home_copy

MODELS = ("direction_model", "volatility_model")
FILLED_BY: dict[str, tuple[str, ...]] = {
    "trade_plan_legs": ("trade_plan",),
    "regime_transitions": ("regime",),
    "garch_params": ("features",),
    "market_series": ("vix",),
    "corporate_actions": ("raw_ohlcv",),
    "quarantine": ("raw_ohlcv", "vix"),
    "revisions": ("raw_ohlcv", "vix"),
    "fetches": ("raw_ohlcv", "vix"),
    "model_predictions": MODELS,
    "model_folds": MODELS,
    "model_scores": MODELS,
    "model_importance": MODELS,
    "trials": ("backtest",),
    "trial_folds": ("backtest",),
    **{table.name: ("backtest",) for table in BACKTEST_TABLES},
}
"""The assets that fill a table, for tables that are not named after their asset."""


def make_marts(assets: Collection[str]) -> dg.AssetsDefinition:
    """One asset per query in `dbt_like_sql/`, with dependencies read from the SQL.

    `assets` are the names of all other assets; tables that none of them fills are ignored.
    """
    marts = load_marts()

    @dg.multi_asset(
        name="marts",
        specs=[_spec(mart, assets) for mart in marts],
    )
    def build(platform: dg.ResourceParam[Platform]) -> Iterator[dg.MaterializeResult]:
        # One transaction replaces the whole schema, so one step builds all marts.
        for name, rows in build_grouped_marts(platform.warehouse, platform.settings):
            yield dg.MaterializeResult(
                asset_key=mart_key(name), metadata={"dagster/row_count": rows}
            )

    return build


def mart_key(name: str) -> dg.AssetKey:
    """The asset key of a mart."""
    return dg.AssetKey([SCHEMA, name])


def _spec(mart: Mart, assets: Collection[str]) -> dg.AssetSpec:
    filled = {asset for table in mart.sources for asset in FILLED_BY.get(table, (table,))}
    return dg.AssetSpec(
        mart_key(mart.name),
        description=f"{mart.description}\n\n```sql\n{mart.query.strip()}\n```",
        group_name="reporting",
        kinds={"duckdb", "sql"},
        owners=OWNERS,
        deps=[*sorted(filled & set(assets)), *(mart_key(name) for name in mart.refs)],
        metadata={"dagster/table_name": f"warehouse.{SCHEMA}.{mart.name}"},
    )


def make_report() -> dg.AssetsDefinition:
    """The asset `report`: the HTML report of the home."""

    @dg.asset(
        description="The self-contained HTML report of all stored data. Its address is served on "
        "this machine while the web UI runs; `options-platform report` shows where the file is.",
        group_name="reporting",
        kinds={"html"},
        owners=OWNERS,
        deps=[
            "paper_orders",
            "trade_plan",
            "direction_model",
            "volatility_model",
            "backtest",
            "portfolio",
            *(mart_key(name) for name in READ_MARTS),
        ],
    )
    def report(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
        # What this run has made of marts and views is published first, and then shown.
        copy = home_copy(platform.settings)
        path = write_report(platform.settings, copy.warehouse, now=platform.now(), copy=copy)
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.url(report_url(platform.settings)),
                "file": dg.MetadataValue.path(path),
            }
        )

    return report
