"""Runs that send orders are never retried by Dagster, and never ended for taking long.

An order's state is known to the ledger and the broker alone. A person, or the next `daily`, goes
on from there; a machine that only knows that a run failed does not. Tags of a run have precedence
over the instance's `run_retries` and `run_monitoring`, and Dagster reads them when the run fails.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.storage.tags import MAX_RETRIES_TAG, RETRY_NUMBER_TAG

from options_platform.errors import BrokerError

ORDER_RUN_TAGS = {MAX_RETRIES_TAG: "0", dg.MAX_RUNTIME_SECONDS_TAG: "0"}
"""No retry, and no longest time: for Dagster's monitoring 0 is no limit."""


def begin_sending(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> None:
    """Put the tags on this run, however it was launched, before anything is sent.

    A run of *Materialize* belongs to no job of ours and carries no tags of one.

    Raises :class:`BrokerError` in a run or step that Dagster started by itself after a failure.
    """
    op_context = (
        context.op_execution_context if isinstance(context, dg.AssetExecutionContext) else context
    )
    run = op_context.run
    op_context.instance.add_run_tags(run.run_id, ORDER_RUN_TAGS)
    if RETRY_NUMBER_TAG in run.tags or op_context.retry_number > 0:
        raise BrokerError(
            "an automatic retry sends no orders, nothing was sent; look at what failed, then run: "
            "options-platform daily"
        )
