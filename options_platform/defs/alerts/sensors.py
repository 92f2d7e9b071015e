"""The sensors that send alerts: on failed runs and on the state of the account."""

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
    """Both sensors; they run by default if the environment names addresses for alerts."""
    state = dg.DefaultSensorStatus.RUNNING if is_configured() else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name="alert_on_failed_run",
        description="Reports each failed run with its first error; repeats until delivered.",
        minimum_interval_seconds=settings.alerts.every_seconds,
        default_status=state,
    )
    def alert_on_failed_run(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        sender = notifier()
        if sender is None:
            return dg.SkipReason(f"no addresses for alerts; set {VARIABLE}")
        cursors = read_cursor(context.cursor, sender.numbers, datetime.now(UTC))
        failed: dict[str, FailedRun] = {}
        sent_now, problems = 0, []
        for number, delivered in cursors.items():
            undelivered, sent = failed_runs(context.instance, delivered), []
            failed |= {run.run_id: run for run in undelivered}
            for run in undelivered[:MOST_AT_ONCE]:
                try:
                    sender.send_to(number, f"run of {run.job} failed", run.text)
                    sent.append(run.run_id)
                except NotifyError as error:
                    problems.append(str(error))
            cursors[number] = delivered.after(undelivered, sent)
            sent_now += len(sent)
        context.update_cursor(write_cursor(cursors))
        if problems:
            context.log.error(problems[0])
        return dg.SkipReason(
            f"{len(failed)} runs failed; {sent_now} messages sent, {len(problems)} not delivered"
        )

    @dg.sensor(
        name="alert_on_account",
        description="Reports once: a halt, differences between ledger and broker, rejected orders, "
        "a drawdown, a missing daily run; a difference of cash again once it has doubled.",
        minimum_interval_seconds=settings.alerts.every_seconds,
        default_status=state,
    )
    def alert_on_account(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SkipReason:
        sender = notifier()
        if sender is None:
            return dg.SkipReason(f"no addresses for alerts; set {VARIABLE}")
        try:
            alerts = alerts_of(settings, open_ledger(settings), platform.now())
        except WarehouseBusyError as busy:
            return dg.SkipReason(str(busy))
        sizes_by_address = _read_cursor(context.cursor, sender)
        sent_now, problems = 0, []
        for number, sizes in sizes_by_address.items():
            sent = []
            for alert in not_told(alerts, sizes):
                try:
                    sender.send_to(number, alert.title, alert.text)
                    sent.append(alert.key)
                except NotifyError as error:
                    problems.append(str(error))
            # An alert that failed is not recorded, so the next tick sends it again.
            sizes_by_address[number] = still_told(alerts, sizes, sent)
            sent_now += len(sent)
        context.update_cursor(json.dumps(sizes_by_address))
        if problems:
            context.log.error(problems[0])
        return dg.SkipReason(
            f"{len(alerts)} alerts; {sent_now} messages sent, {len(problems)} not delivered"
        )

    return [alert_on_failed_run, alert_on_account]


def _read_cursor(cursor: str | None, sender: Notifier) -> dict[int, dict[str, float]]:
    """By address number, the size at which each alert key was sent.

    Older cursors list keys without sizes, for each address or for all.
    """
    stored = json.loads(cursor or "{}")
    by_number = (
        stored if isinstance(stored, dict) else dict.fromkeys(map(str, sender.numbers), stored)
    )
    sent = {number: by_number.get(str(number), {}) for number in sender.numbers}
    return {
        number: sizes if isinstance(sizes, dict) else dict.fromkeys(sizes, 0.0)
        for number, sizes in sent.items()
    }
