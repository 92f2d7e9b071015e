"""The sensors that send alerts: on failed runs and on the state of the account."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from options_platform.adapters.notifier import VARIABLE, Notifier, is_configured, open_notifier
from options_platform.adapters.storage.forward_record import WatchedRecord
from options_platform.adapters.storage.outbox import Outbox
from options_platform.defs.alerts.failed_runs import failed_runs, read_cursor, write_cursor
from options_platform.errors import WarehouseBusyError
from options_platform.formats import count
from options_platform.services.alerting.conditions import RUN, failed_run, look, outbox_of
from options_platform.services.alerting.deliveries import deliver, record
from options_platform.services.forward.recording import forward_record
from options_platform.services.market_data.platform import Platform
from options_platform.settings import Settings

MOST_AT_ONCE = 20
NO_ADDRESSES = dg.SkipReason(f"no addresses for alerts; set {VARIABLE}")
IN_OUTBOX = json.dumps("outbox")
"""The cursor of the account's sensor, whose memory is the outbox."""


def make_alert_sensors(
    settings: Settings, notifier: Callable[[], Notifier | None] = open_notifier
) -> list[dg.SensorDefinition]:
    """Both sensors; they run by default if the environment names addresses for alerts."""
    return [_failed_run_sensor(settings, notifier), _account_sensor(settings, notifier)]


def _failed_run_sensor(
    settings: Settings, notifier: Callable[[], Notifier | None]
) -> dg.SensorDefinition:
    @dg.sensor(
        name="alert_on_failed_run",
        description="Reports each failed run with its first error; repeats until delivered.",
        minimum_interval_seconds=settings.alerts.every_seconds,
        default_status=_default_status(),
    )
    def alert_on_failed_run(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        sender = notifier()
        if sender is None:
            return NO_ADDRESSES
        now, outbox = datetime.now(UTC), outbox_of(settings)
        recorded = read_cursor(context.cursor, now)
        failed = failed_runs(context.instance, recorded)
        events = [failed_run(run.run_id, run.job, run.text) for run in failed]
        outbox.record_events(events, sender.addresses, now)
        context.update_cursor(write_cursor(recorded.after(failed)))
        waiting = {one.key for one in outbox.undelivered(sender.addresses)}
        runs = sum(key.startswith(f"{RUN} ") for key in waiting)
        return _send(context, settings, outbox, sender, now, f"{count(runs, 'run')} failed")

    return alert_on_failed_run


def _account_sensor(
    settings: Settings, notifier: Callable[[], Notifier | None]
) -> dg.SensorDefinition:
    chain = WatchedRecord(forward_record(settings))

    @dg.sensor(
        name="alert_on_account",
        description="Reports once: a halt, differences between ledger and broker, rejected orders, "
        "a drawdown, a missing daily run; a difference of cash again once it has doubled, and what "
        "is critical until somebody acknowledges it. Sends each new head of the forward record.",
        minimum_interval_seconds=settings.alerts.every_seconds,
        default_status=_default_status(),
    )
    def alert_on_account(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SkipReason:
        sender = notifier()
        if sender is None:
            return NO_ADDRESSES
        now, outbox = platform.now(), outbox_of(settings)
        for address, sizes in _delivered_earlier(context.cursor, sender).items():
            outbox.adopt(sizes, address, now)
        context.update_cursor(IN_OUTBOX)
        try:
            found = look(settings, outbox, chain, now)
        except WarehouseBusyError as busy:
            return _send(context, settings, outbox, sender, now, str(busy))
        record(outbox, found, sender, now, settings)
        alerts = len(found.conditions) + len(found.events)
        return _send(context, settings, outbox, sender, now, count(alerts, "alert"))

    return alert_on_account


def _send(
    context: dg.SensorEvaluationContext,
    settings: Settings,
    outbox: Outbox,
    sender: Notifier,
    now: datetime,
    subject: str,
) -> dg.SkipReason:
    """Deliver what waits; the result counts the messages, and the first refusal is logged."""
    result = deliver(outbox, sender, now, settings.alerts, MOST_AT_ONCE)
    outbox.forget_ended(now)
    if result.problems:
        context.log.error(result.problems[0])
    return dg.SkipReason(f"{subject}; {result.text}")


def _default_status() -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if is_configured() else dg.DefaultSensorStatus.STOPPED


def _delivered_earlier(cursor: str | None, sender: Notifier) -> dict[str, dict[str, float]]:
    """By address, the keys and sizes that a version before the outbox has delivered.

    Older cursors list keys without sizes, for each address or for all.
    """
    stored = json.loads(cursor or IN_OUTBOX)
    if isinstance(stored, str):
        return {}
    by_number = (
        stored if isinstance(stored, dict) else dict.fromkeys(map(str, sender.numbers), stored)
    )
    delivered = {
        address: by_number.get(str(number), {})
        for number, address in zip(sender.numbers, sender.addresses, strict=False)
    }
    return {
        address: sizes if isinstance(sizes, dict) else dict.fromkeys(sizes, 0.0)
        for address, sizes in delivered.items()
    }
