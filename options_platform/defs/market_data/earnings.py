"""`earnings`: the dates of earnings reports, a partition each; most sessions have none."""

from typing import Any

import dagster as dg
import polars as pl
from dagster._core.storage.tags import BACKFILL_ID_TAG

from options_platform.contracts import EARNINGS
from options_platform.defs.shared.asset_options import asset_options, freshness_policy
from options_platform.defs.shared.context import result, selected_range
from options_platform.services.market_data.earnings import EarningsUpdate, update_earnings
from options_platform.services.market_data.failed_tickers import record_failures, without
from options_platform.services.market_data.platform import Platform
from options_platform.settings import Settings

SHOWN = 20


def make_earnings(settings: Settings) -> dg.AssetsDefinition:
    """The asset `earnings`; of a source without such dates it stays empty and says so."""

    @dg.asset(
        **asset_options(EARNINGS, settings, group="market_data", kinds={"source"}),
        freshness_policy=freshness_policy(settings),
    )
    def earnings(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = selected_range(context, settings)
        update = update_earnings(platform, selected)
        failures = update.unanswered(settings.plan.chain.surface.funds)
        record_failures(platform.warehouse, EARNINGS, selected, failures, platform.now())
        answered = without(selected, failures)
        if not answered.tickers and BACKFILL_ID_TAG in context.run.tags:
            # As in `not_computed`; plans refuse a stock whose next report is not known.
            answered = selected
        return result(context, update.rows, answered, _origin(update, platform))

    return earnings


def _origin(update: EarningsUpdate, platform: Platform) -> dict[str, Any]:
    """Where the rows come from, how many are planned yet, and why some or all are unknown."""
    if update.nothing_given is not None:
        return {"why_empty": update.nothing_given}
    planned = update.rows.filter(pl.col("date") > platform.now().date())
    labels = ", ".join(source.info.label for source in platform.earnings_sources())
    metadata: dict[str, Any] = {"source": labels, "planned_reports": planned.height}
    if planned.height:
        coming = planned.sort("date", "ticker").head(SHOWN).iter_rows(named=True)
        lines = (f"- {row['date']} {row['ticker']}, {row['status']}" for row in coming)
        metadata["next_reports"] = dg.MetadataValue.md("\n".join(lines))
    if update.unknown:
        reasons = "\n".join(f"- {ticker}: {why}" for ticker, why in update.unknown.items())
        metadata["not_known"] = dg.MetadataValue.md(reasons)
    return metadata
