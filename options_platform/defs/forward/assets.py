"""`forward_record`: the plans of every rule set, chained before the next open, and its checks.

The asset has no partitions: a run adds the links of the newest session or nothing, and a backfill
of older sessions cannot write them.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from options_platform.defs.jobs import FORWARD_RECORD
from options_platform.defs.shared.asset_options import OWNERS
from options_platform.defs.shared.context import run_range
from options_platform.defs.trading.orders import may_send
from options_platform.errors import ForwardRecordError
from options_platform.services.forward.alerts import head_text
from options_platform.services.forward.recording import Recorded, forward_record, record_session
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.settings import Settings


def make_forward_record(settings: Settings) -> dg.AssetsDefinition:
    """The asset; only a run of just the newest session, of all tickers, records."""

    @dg.asset(
        name=FORWARD_RECORD,
        description="The plans of every rule set, whether or not it sends orders, in a chain of "
        "hashes that is lengthened before the next open and never changed.",
        group_name="decisions",
        kinds={"python"},
        owners=OWNERS,
        deps=["trade_plan"],
        metadata={"dagster/uri": settings.forward_record_path.name},
    )
    def forward_record_asset(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = run_range(context, settings)
        if selected is None or selected.tickers != settings.tickers:
            return _unrecorded("a run without partitions, or of some of the tickers")
        if not may_send(context.run.tags, selected, newest_date(settings, platform.now())):
            return _unrecorded("a backfill, or not the newest session")
        try:
            recorded = record_session(platform, selected.end)
        except ForwardRecordError as error:
            # The check fails and an alert is sent; orders and reports do not depend on it.
            context.log.critical(str(error))
            return _unrecorded(str(error))
        for name, reason in recorded.failures.items():
            context.log.warning(f"rule set {name} could not be planned: {reason}")
        if recorded.not_recorded is not None:
            context.log.warning(f"{selected.end} is not recorded: {recorded.not_recorded}")
        return dg.MaterializeResult(metadata=_about(recorded))

    return forward_record_asset


def _unrecorded(reason: str) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(metadata={"links_added": 0, "not_recorded": reason})


def _about(recorded: Recorded) -> Mapping[str, Any]:
    about: dict[str, Any] = {
        "links_added": len(recorded.links),
        "rule_sets": [link.rule_set for link in recorded.links],
        "not_planned": dict(recorded.failures),
    }
    if recorded.head is not None:
        about["head"] = head_text(recorded.head)
    if recorded.not_recorded is not None:
        about["not_recorded"] = recorded.not_recorded
    return about


def make_forward_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of the record; neither blocks, since no order depends on it."""

    @dg.asset_check(
        asset=FORWARD_RECORD,
        description="no link of the forward record was altered, dropped or moved",
    )
    def chain_verifies(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
        chain = forward_record(platform.settings).read()
        return dg.AssetCheckResult(
            passed=chain.fault is None,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"links": len(chain.links)},
            description=None if chain.fault is None else chain.fault.text,
        )

    return [chain_verifies]
