"""The dependency of an asset on the same session of every ticker, as pooled training reads them.

Dagster's own mapping goes through the calendar anew for each session of a run, which takes seconds
for each input of an asset in a backfill of years; here a run's sessions are mapped at once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.partitions.mapping.partition_mapping import UpstreamPartitionsResult
from dagster._core.definitions.partitions.subset import (
    AllPartitionsSubset,
    DefaultPartitionsSubset,
    PartitionsSubset,
)

from options_platform.defs.shared.partitions import DATE, TICKER


class MultiPartitionMapping(dg.MultiPartitionMapping):
    """Dagster's mapping, faster upstream where both sides have the same partitions.

    It has its base's name, under which Dagster hands it to other processes: these get the base,
    which answers the same.
    """

    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: dg.PartitionsDefinition[Any] | None,
        upstream_partitions_def: dg.PartitionsDefinition[Any],
        current_time: datetime | None = None,
        dynamic_partitions_store: Any = None,
    ) -> UpstreamPartitionsResult:
        """The partitions of all tickers in the sessions of the subset."""
        subset = downstream_partitions_subset
        if (
            subset is None
            or isinstance(subset, AllPartitionsSubset)
            or not isinstance(upstream_partitions_def, dg.MultiPartitionsDefinition)
            or downstream_partitions_def != upstream_partitions_def
        ):
            return super().get_upstream_mapped_partitions_result_for_partitions(
                subset,
                downstream_partitions_def,
                upstream_partitions_def,
                current_time,
                dynamic_partitions_store,
            )
        days = {key.partition("|")[0] for key in subset.get_partition_keys()}
        tickers = upstream_partitions_def.get_partitions_def_for_dimension(TICKER)
        names = tickers.get_partition_keys()
        keys = {f"{day}|{ticker}" for day in days for ticker in names}
        return UpstreamPartitionsResult(
            partitions_subset=DefaultPartitionsSubset(keys),
            required_but_nonexistent_subset=DefaultPartitionsSubset(),
        )


def all_tickers(upstream: str) -> dg.AssetDep:
    """A dependency on the same date of every ticker."""
    mapping = MultiPartitionMapping(
        {
            DATE: dg.DimensionPartitionMapping(DATE, dg.IdentityPartitionMapping()),
            TICKER: dg.DimensionPartitionMapping(TICKER, dg.AllPartitionMapping()),
        }
    )
    return dg.AssetDep(upstream, partition_mapping=mapping)
