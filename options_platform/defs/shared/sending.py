"""Keeps Dagster from retrying runs that send orders, and from ending them for taking long.

Only the ledger and the broker know the state of an order. A person or the next `daily` run
continues from there; an automatic retry knows only that a run failed. Tags of a run override the
instance's `run_retries` and `run_monitoring`, and Dagster reads them when the run fails.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.storage.tags import MAX_RETRIES_TAG, RETRY_NUMBER_TAG

from options_platform.errors import BrokerError

ORDER_RUN_TAGS = {MAX_RETRIES_TAG: "0", dg.MAX_RUNTIME_SECONDS_TAG: "0"}
"""No retry and no time limit: to Dagster's monitoring, 0 seconds means none."""


def begin_sending(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> None:
    """Tag this run, however it was launched, before anything is sent.

    A run launched with *Materialize* does not have the tags of the platform's jobs.

    Raises :class:`BrokerError` in a run or step that Dagster retries after a failure.
    """
    op_context = (
        context.op_execution_context if isinstance(context, dg.AssetExecutionContext) else context
    )
    run = op_context.run
    op_context.instance.add_run_tags(run.run_id, ORDER_RUN_TAGS)
    if RETRY_NUMBER_TAG in run.tags or op_context.retry_number > 0:
        raise BrokerError(
            "an automatic retry sends no orders, nothing was sent; look at the failed run, then "
            "run: options-platform daily"
        )
