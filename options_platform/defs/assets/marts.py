"""The unpartitioned assets: the SQL marts and the report."""

import dagster as dg

from options_platform.adapters.marts import build_marts, load_marts
from options_platform.defs.assets.common import OWNERS
from options_platform.defs.resources import Platform
from options_platform.reporting.report import write_report


def make_marts() -> dg.AssetsDefinition:
    """The asset `marts`: all queries of `dbt_like_sql/`."""
    described = "\n".join(f"- `{mart.name}`: {mart.description}" for mart in load_marts())

    @dg.asset(
        description=f"SQL marts over the nine tables, rebuilt whole:\n{described}",
        group_name="reporting",
        kinds={"duckdb", "sql"},
        owners=OWNERS,
        deps=["paper_orders", "trade_plan", "direction_model", "volatility_model"],
    )
    def marts(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=dict(build_marts(platform.warehouse)))

    return marts


def make_report() -> dg.AssetsDefinition:
    """The asset `report`: the HTML report of the home."""

    @dg.asset(
        description="The self-contained HTML report of everything that is stored.",
        group_name="reporting",
        kinds={"html"},
        owners=OWNERS,
        deps=["paper_orders", "trade_plan", "direction_model", "volatility_model"],
    )
    def report(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
        path = write_report(platform.settings, platform.warehouse, now=platform.now())
        return dg.MaterializeResult(metadata={"report": dg.MetadataValue.path(path)})

    return report
