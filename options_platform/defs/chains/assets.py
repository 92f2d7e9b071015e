"""`option_chain` and `iv_history`: the chain of each session, and the volatility in it.

One step makes both: a session may have no chain (a source that knows the present alone cannot
give the past), and a step of its own that gave nothing would keep all downstream from running.
So `option_chain` tells Dagster of each partition that has a chain and of no other, with the
reasons of those that have none in its metadata, while `iv_history` has a row for every session.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from options_platform.common import PartitionRange
from options_platform.contracts import IV_HISTORY, OPTION_CHAIN, Table
from options_platform.defs.chains.checks import chain_check_specs, judge_stored
from options_platform.defs.chains.iv_history import write_history
from options_platform.defs.shared.asset_options import DATA_POLICY, asset_options
from options_platform.defs.shared.context import answered_range, run_range, selected_range
from options_platform.defs.shared.partitions import partition_key, platform_partitions
from options_platform.services.market_data.chains import Fetched, fetch_chains
from options_platform.services.market_data.platform import Platform
from options_platform.settings import Settings

SHOWN_REASONS = 5


def make_chains(settings: Settings) -> dg.AssetsDefinition:
    """The assets `option_chain` and `iv_history`, with the checks of the former."""

    @dg.multi_asset(
        name="chains",
        specs=[
            _spec(OPTION_CHAIN, settings, ["raw_ohlcv"], kinds={"source", "parquet"}),
            _spec(IV_HISTORY, settings, ["raw_ohlcv", "option_chain"], kinds={"duckdb", "polars"}),
        ],
        check_specs=chain_check_specs(settings),
        partitions_def=platform_partitions(settings),
        backfill_policy=DATA_POLICY,
        can_subset=True,
    )
    def chains(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[Any]:
        chosen = context.op_execution_context
        if dg.AssetKey(OPTION_CHAIN.name) in chosen.selected_asset_keys:
            selected = answered_range(context, settings)
            yield from _report(context, fetch_chains(platform, selected))
        if dg.AssetKey(IV_HISTORY.name) in chosen.selected_asset_keys:
            answered = answered_range(context, settings)
            written = write_history(context, platform, answered)
            yield _written(context, written, selected_range(context, settings))
        if chosen.selected_asset_check_keys:
            yield from judge_stored(platform, run_range(context, settings))

    return chains


def _spec(table: Table, settings: Settings, deps: list[str], *, kinds: set[str]) -> dg.AssetSpec:
    options = asset_options(table, settings, group="market_data", kinds=set())
    metadata = dict(options["metadata"])
    if table is OPTION_CHAIN:
        metadata |= {
            "dagster/table_name": table.name,
            "dagster/uri": f"{settings.chains_path.name}/TICKER/YYYY-MM-DD.parquet",
        }
    return dg.AssetSpec(
        key=table.name,
        deps=deps,
        description=table.description,
        metadata=metadata,
        group_name=options["group_name"],
        owners=options["owners"],
        kinds=kinds,
        skippable=table is OPTION_CHAIN,
    )


def _report(context: dg.AssetExecutionContext, fetched: Fetched) -> Iterator[dg.MaterializeResult]:
    """Tell Dagster of the partitions that have a chain, and why the others have none."""
    key, whole = OPTION_CHAIN.name, not fetched.skipped
    for row in fetched.shares.iter_rows(named=True):
        partition = partition_key(row["date"], row["ticker"])
        metadata = {
            "dagster/row_count": row["contracts"],
            "good_quotes": row["good"],
            "good_share": row["share"],
        }
        if whole:
            context.add_asset_metadata(metadata, asset_key=key, partition_key=str(partition))
        else:
            context.log_event(dg.AssetMaterialization(key, partition=partition, metadata=metadata))
    if whole:
        yield dg.MaterializeResult(asset_key=key)
    else:
        context.log_event(_skipped(fetched))


def _skipped(fetched: Fetched) -> dg.AssetObservation:
    keys = sorted(fetched.skipped)
    shown = [
        f"- {day} {ticker}: {fetched.skipped[day, ticker]}" for day, ticker in keys[-SHOWN_REASONS:]
    ]
    return dg.AssetObservation(
        OPTION_CHAIN.name,
        partition=partition_key(*keys[-1]),
        metadata={
            "skipped": len(keys),
            "stored": fetched.shares.height,
            "skipped_sessions": f"{keys[0][0]} to {keys[-1][0]}",
            "reasons": dg.MetadataValue.md("\n".join(shown)),
        },
    )


def _written(
    context: dg.AssetExecutionContext, written: pl.DataFrame, selected: PartitionRange
) -> dg.MaterializeResult:
    context.add_asset_metadata(
        {
            "dagster/row_count": written.height,
            "range": f"{selected.start} to {selected.end}, {', '.join(selected.tickers)}",
            "with_a_value": int(written["iv_30d"].is_not_null().sum()),
        },
        asset_key=IV_HISTORY.name,
        partition_key=str(partition_key(selected.end, selected.tickers[-1])),
    )
    return dg.MaterializeResult(asset_key=IV_HISTORY.name)
