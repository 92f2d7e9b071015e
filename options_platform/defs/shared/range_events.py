"""Materialisations of a long range, stored in bulk in place of one event after another.

Dagster makes an event of every partition, hands each through its loggers, and keeps all of them in
memory. What they say of an asset differs in partition and metadata alone, so a storage that can
store the range from one of them is asked to.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import dagster as dg
from dagster._core.definitions.assets.definition.asset_spec import AssetExecutionType
from dagster._core.definitions.metadata import normalize_metadata
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
    DagsterEventType,
    StepMaterializationData,
    generate_event_batch_id,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.execution.plan.execute_step import AssetResultOutput, _get_output_asset_events

LONG_RANGE = 500
"""Partitions of a run above which their materialisations are stored in bulk."""

Metadata = Mapping[str, Any]


@runtime_checkable
class StoresRanges(Protocol):
    """An event storage that stores the materialisations of a range at once."""

    def store_range(
        self,
        first: EventLogEntry,
        partitions: Sequence[str],
        metadata: Mapping[str, Metadata],
        tags: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Store what `first` says of its partition for all, with metadata and tags of each."""
        ...


def materialise_range(
    context: dg.AssetExecutionContext,
    told: Mapping[str, Metadata],
    shared: Metadata,
    tickers: Collection[str],
) -> dg.MaterializeResult[Any] | None:
    """Store the materialisations of the run's partitions of an asset, if that is worth it.

    Args:
        context: of the asset.
        told: metadata by partition.
        shared: metadata of every partition.
        tickers: those that were computed; partitions of others stay as they are.

    Returns:
        What the asset has to return, so that Dagster makes no event of any partition; None if they
        are few, or the storage cannot, and all of them were computed.
    """
    storage = context.instance.event_log_storage
    keys = [key for key in context.partition_keys if key.partition("|")[2] in tickers]
    is_whole = len(keys) == len(context.partition_keys)
    in_bulk = len(keys) > LONG_RANGE and isinstance(storage, StoresRanges)
    if is_whole and not in_bulk:
        return None
    step = context.get_step_execution_context()
    everywhere = normalize_metadata(shared)
    metadata = {
        key: {**everywhere, **normalize_metadata(told[key])} if key in told else everywhere
        for key in keys
    }
    if in_bulk and isinstance(storage, StoresRanges):
        first = _entry(step, _of_partition(step, context.asset_key, keys[0]))
        storage.store_range(first, keys, metadata)
    else:
        batch = generate_event_batch_id()  # type: ignore[no-untyped-call]
        for at, key in enumerate(keys, start=1):
            made = _of_partition(step, context.asset_key, key)
            DagsterEvent.asset_materialization(
                step,
                made.with_metadata({**made.metadata, **metadata[key]}),
                DagsterEventBatchMetadata(batch, is_end=at == len(keys)),
            )
    # Dagster makes no event of an output with this entry.
    return dg.MaterializeResult(metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})


def report_range(
    context: dg.AssetExecutionContext,
    asset: str,
    told: Mapping[str, Metadata],
    tags: Mapping[str, Mapping[str, str]],
) -> bool:
    """Store materialisations of partitions outside the run's range, if that is worth it.

    Args:
        context: of the asset that computed them.
        asset: its name.
        told: metadata by partition.
        tags: tags by partition.

    Returns:
        False if they are few, or the storage cannot: each has to be reported as an event.
    """
    storage = context.instance.event_log_storage
    if len(told) <= LONG_RANGE or not isinstance(storage, StoresRanges):
        return False
    step = context.get_step_execution_context()
    first = next(iter(told))
    made = dg.AssetMaterialization(asset, partition=first, tags=tags[first])
    metadata = {key: normalize_metadata(said) for key, said in told.items()}
    storage.store_range(_entry(step, made), list(told), metadata, tags)
    return True


def _of_partition(
    step: StepExecutionContext, asset: dg.AssetKey, partition: str
) -> dg.AssetMaterialization:
    """What Dagster would make of a partition of the run, without metadata."""
    name = step.step.step_outputs[0].name
    made = next(
        _get_output_asset_events(
            asset,
            [partition],
            AssetResultOutput(value=None, output_name=name),
            step.op_def.output_def_named(name),
            {},
            step,
            AssetExecutionType.MATERIALIZATION,
        )
    )
    assert isinstance(made, dg.AssetMaterialization)  # noqa: S101
    return made


def _entry(step: StepExecutionContext, made: dg.AssetMaterialization) -> EventLogEntry:
    """The event that Dagster would log of a materialisation."""
    message = f"Materialized value {made.label}."
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name=step.job_name,
        step_handle=step.step.handle,
        node_handle=step.step.node_handle,
        step_kind_value=step.step.kind.value,
        logging_tags=step.event_tags,
        event_specific_data=StepMaterializationData(made),
        message=message,
        pid=os.getpid(),
    )
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level=10,
        user_message=message,
        run_id=step.run_id,
        timestamp=time.time(),
        step_key=step.step.key,
        job_name=step.job_name,
        dagster_event=event,
    )
