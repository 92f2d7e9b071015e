"""Options of the partitioned assets: partitions, backfill policy, owners and column metadata.

A backfill launched in the UI arrives as one run per ticker. The data assets and the assets after
them have different backfill policies on purpose: Dagster's daemon then splits the backfill into
two ordered phases, so that pooled training never starts before the features of all tickers exist.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import wraps
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.storage.tags import BACKFILL_ID_TAG

from options_platform.contracts import Table
from options_platform.defs.shared.context import (
    answered_range,
    result,
    selected_range,
    table_schema,
)
from options_platform.defs.shared.partitions import platform_partitions
from options_platform.errors import IncompleteDataError, PlatformError
from options_platform.services.market_data.failed_tickers import in_words, withheld
from options_platform.services.market_data.listing import unlisted
from options_platform.settings import Settings

OWNERS = ["team:options-platform"]
DATA_POLICY = dg.BackfillPolicy.single_run()
MODEL_POLICY = dg.BackfillPolicy.multi_run(1_000_000)


# Long enough for a weekend with a holiday on Monday, and for the run itself.
STALE_AFTER, LATE_AFTER = timedelta(hours=100), timedelta(hours=76)


def freshness_policy(settings: Settings) -> dg.FreshnessPolicy | None:
    """When market data counts as late and as stale; None if the settings' history has an end."""
    if settings.end is not None:
        return None
    return dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER, warn_window=LATE_AFTER)


Asset = Callable[..., dg.MaterializeResult]


def where_listed(settings: Settings) -> Callable[[Asset], Asset]:
    """Wrap an asset's function: before a ticker is listed it writes no rows and does not fail.

    A ticker whose source has failed is left out; without any other one, nothing is computed.
    """

    def wrapped(function: Asset) -> Asset:
        @wraps(function)
        def guarded(
            context: dg.AssetExecutionContext, platform: Any, **resources: Any
        ) -> dg.MaterializeResult:
            selected = answered_range(context, settings)
            if not selected.tickers:
                return not_computed(context, settings)
            absent = unlisted(platform.warehouse, selected.tickers, selected.end)
            if absent == selected.tickers:
                return result(context, pl.DataFrame(), selected, {"not_listed": ", ".join(absent)})
            return function(context, platform, **resources)

        return guarded

    return wrapped


def not_computed(
    context: dg.AssetExecutionContext, settings: Settings, error: PlatformError | None = None
) -> dg.MaterializeResult:
    """End a step of whose tickers none can be computed: with an error, so that it fails alone.

    `error` is what the step met itself; else the error says what had failed before.

    In a backfill of the web UI, which has a run for each ticker, a data asset is materialised
    without rows instead: the daemon would start no model of any ticker, since each model reads all
    tickers. The run fails all the same, by the check of the answers.
    """
    selected = selected_range(context, settings)
    reasons = withheld(context.resources.platform.warehouse, selected.tickers, selected.end)
    text = in_words(reasons)
    if BACKFILL_ID_TAG in context.run.tags and context.assets_def.backfill_policy == DATA_POLICY:
        context.log.error(text)
        return result(context, pl.DataFrame(), selected, {"failed": text})
    raise error or IncompleteDataError(f"nothing was computed: {text}")


def asset_options(
    table: Table,
    settings: Settings,
    *,
    group: str,
    kinds: set[str],
    deps: Sequence[Any] = (),
    policy: dg.BackfillPolicy = DATA_POLICY,
    code_version: str | None = None,
) -> dict[str, Any]:
    """The keyword arguments of `@dg.asset` for the asset that fills `table`."""
    return {
        "name": table.name,
        "description": table.description,
        "group_name": group,
        "kinds": {"duckdb", *kinds},
        "owners": OWNERS,
        "deps": list(deps),
        "partitions_def": platform_partitions(settings),
        "backfill_policy": policy,
        "code_version": code_version,
        "metadata": {
            "dagster/column_schema": table_schema(table),
            "dagster/table_name": f"warehouse.main.{table.name}",
            "dagster/uri": f"{settings.warehouse_path.name}#{table.name}",
        },
    }
