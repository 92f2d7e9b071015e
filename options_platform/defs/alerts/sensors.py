"""The sensors that tell people: of runs that failed, and of the account's state."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from options_platform.adapters.notifier import VARIABLE, Notifier, is_configured, open_notifier
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.defs.alerts.failed_runs import (
    FailedRun,
    failed_runs,
    read_cursor,
    write_cursor,
)
from options_platform.domain.trading.alerts import not_told, still_told
from options_platform.errors import NotifyError, WarehouseBusyError
from options_platform.services.market_data.platform import Platform
from options_platform.services.trading.account_state import alerts_of
from options_platform.settings import Settings

MOST_AT_ONCE = 20


def make_alert_sensors(
    settings: Settings, notifier: Callable[[], Notifier | None] = open_notifier
) -> list[dg.SensorDefinition]:
    """Both sensors; they run by default where the environment has addresses to tell."""
    state = dg.DefaultSensorStatus.RUNNING if is_configured() else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name="alert_on_failed_run",
        description="Tell of each run that failed, with its first error, until it is delivered.",
        minimum_interval_seconds=settings.alerts.every_seconds,
        default_status=state,
    )
    def alert_on_failed_run(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        there = notifier()
        if there is None:
            return dg.SkipReason(f"no addresses to tell; set {VARIABLE}")
        told = read_cursor(context.cursor, there.numbers, datetime.now(UTC))
        failed: dict[str, FailedRun] = {}
        delivered, problems = 0, []
        for number, own in told.items():
            found, sent = failed_runs(context.instance, own), []
            failed |= {run.run_id: run for run in found}
            for run in found[:MOST_AT_ONCE]:
                try:
                    there.send_to(number, f"run of {run.job} failed", run.text)
                    sent.append(run.run_id)
                except NotifyError as error:
                    problems.append(str(error))
            told[number] = own.after(found, sent)
            delivered += len(sent)
        context.update_cursor(write_cursor(told))
        if problems:
            context.log.error(problems[0])
        return dg.SkipReason(
            f"{len(failed)} runs failed; {delivered} told now, {len(problems)} not delivered"
        )

    @dg.sensor(
        name="alert_on_account",
        description="Tell once of a halt, of differences between ledger and broker, of rejected "
        "orders, of a drawdown and of a daily run that is missing; of cash again once it doubled.",
        minimum_interval_seconds=settings.alerts.every_seconds,
        default_status=state,
    )
    def alert_on_account(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SkipReason:
        there = notifier()
        if there is None:
            return dg.SkipReason(f"no addresses to tell; set {VARIABLE}")
        try:
            found = alerts_of(settings, open_ledger(settings), platform.now())
        except WarehouseBusyError as busy:
            return dg.SkipReason(str(busy))
        told = _read_told(context.cursor, there)
        delivered, problems = 0, []
        for number, keys in told.items():
            sent = []
            for alert in not_told(found, keys):
                try:
                    there.send_to(number, alert.title, alert.text)
                    sent.append(alert.key)
                except NotifyError as error:
                    problems.append(str(error))
            # What could not be told is not remembered, so the next tick tries that address again.
            told[number] = still_told(found, keys, sent)
            delivered += len(sent)
        context.update_cursor(json.dumps(told))
        if problems:
            context.log.error(problems[0])
        return dg.SkipReason(
            f"{len(found)} conditions hold; {delivered} told now, {len(problems)} not delivered"
        )

    return [alert_on_failed_run, alert_on_account]


def _read_told(cursor: str | None, there: Notifier) -> dict[int, dict[str, float]]:
    """The sizes by key that each address was told; older cursors list keys, of each or of all."""
    found = json.loads(cursor or "{}")
    known = found if isinstance(found, dict) else dict.fromkeys(map(str, there.numbers), found)
    told = {number: known.get(str(number), {}) for number in there.numbers}
    return {
        number: own if isinstance(own, dict) else dict.fromkeys(own, 0.0)
        for number, own in told.items()
    }
