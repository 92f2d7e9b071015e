"""The sensors that send alerts: on failed runs and on the state of the account."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import dagster as dg

from options_platform.adapters.notifier import VARIABLE, Notifier, is_configured, open_notifier
from options_platform.adapters.storage.forward_record import WatchedRecord
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.defs.alerts.failed_runs import (
    FailedRun,
    failed_runs,
    read_cursor,
    write_cursor,
)
from options_platform.domain.forward.verification import Chain
from options_platform.domain.trading.alerts import Alert, sent_sizes, unsent
from options_platform.errors import HomeError, NotifyError, WarehouseBusyError
from options_platform.formats import count
from options_platform.services.forward.alerts import (
    forward_alerts,
    head_message,
    lost_heads,
    with_head,
)
from options_platform.services.forward.recording import forward_record
from options_platform.services.market_data.platform import Platform
from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.home_copy import home_copy
from options_platform.settings import Settings

MOST_AT_ONCE = 20
NO_ADDRESSES = dg.SkipReason(f"no addresses for alerts; set {VARIABLE}")


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
        cursors = read_cursor(context.cursor, sender.numbers, datetime.now(UTC))
        failed: dict[str, FailedRun] = {}
        deliveries = _Deliveries(sender)
        for number, delivered in cursors.items():
            undelivered = failed_runs(context.instance, delivered)
            failed |= {run.run_id: run for run in undelivered}
            sent = deliveries.send(
                number,
                [
                    Alert(run.run_id, f"run of {run.job} failed", run.text)
                    for run in undelivered[:MOST_AT_ONCE]
                ],
            )
            cursors[number] = delivered.after(undelivered, sent)
        context.update_cursor(write_cursor(cursors))
        return deliveries.result(context, f"{count(len(failed), 'run')} failed")

    return alert_on_failed_run


def _account_sensor(
    settings: Settings, notifier: Callable[[], Notifier | None]
) -> dg.SensorDefinition:
    record = WatchedRecord(forward_record(settings))

    @dg.sensor(
        name="alert_on_account",
        description="Reports once: a halt, differences between ledger and broker, rejected orders, "
        "a drawdown, a missing daily run; a difference of cash again once it has doubled. Sends "
        "each new head of the forward record.",
        minimum_interval_seconds=settings.alerts.every_seconds,
        default_status=_default_status(),
    )
    def alert_on_account(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SkipReason:
        sender = notifier()
        if sender is None:
            return NO_ADDRESSES
        try:
            alerts = _alerts_of_account(settings, platform.now())
            of_record, chain = _of_forward_record(settings, record, platform.now())
            alerts += of_record
        except WarehouseBusyError as busy:
            return dg.SkipReason(str(busy))
        sizes_by_address = _read_cursor(context.cursor, sender)
        deliveries = _Deliveries(sender)
        for number, sizes in sizes_by_address.items():
            lost = {} if chain is None else lost_heads(chain, sizes)
            own = [*alerts, *lost.values()]
            sent = deliveries.send(number, unsent(own, sizes))
            # An alert that failed is not recorded, so the next tick sends it again.
            sizes_by_address[number] = with_head(sizes, sent_sizes(own, sizes, sent), lost)
        context.update_cursor(json.dumps(sizes_by_address))
        return deliveries.result(context, count(len(alerts), "alert"))

    return alert_on_account


def _alerts_of_account(settings: Settings, now: datetime) -> list[Alert]:
    """From the published copy, or from the stores if it could not be renewed: no alert may wait
    for that."""
    copy = home_copy(settings)
    if copy.behind is None or copy.is_at_work:
        return alerts_of(settings, copy.ledger, now, warehouse=copy.warehouse)
    return alerts_of(settings, open_ledger(settings), now)


def _of_forward_record(
    settings: Settings, record: WatchedRecord, now: datetime
) -> tuple[list[Alert], Chain | None]:
    """What is wrong with the forward record, and its head, so that it leaves the machine; and its
    chain, None if it cannot be read."""
    try:
        chain = record.read()
    except HomeError as error:
        return [Alert("forward unreadable", "the forward record cannot be read", str(error))], None
    head = head_message(chain)
    return [*forward_alerts(settings, chain, now), *([] if head is None else [head])], chain


def _default_status() -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if is_configured() else dg.DefaultSensorStatus.STOPPED


class _Deliveries:
    """What one tick of a sensor sends: how many messages were delivered, and which failed."""

    def __init__(self, sender: Notifier) -> None:
        self._sender = sender
        self._delivered = 0
        self._problems: list[str] = []

    def send(self, number: int, alerts: Iterable[Alert]) -> list[str]:
        """Send the alerts to the address of that number; returns the keys of those delivered."""
        sent = []
        for alert in alerts:
            try:
                self._sender.send_to(number, alert.title, alert.text)
                sent.append(alert.key)
            except NotifyError as error:
                self._problems.append(str(error))
        self._delivered += len(sent)
        return sent

    def result(self, context: dg.SensorEvaluationContext, subject: str) -> dg.SkipReason:
        """The tick's result, which counts the messages; the first failure is logged."""
        if self._problems:
            context.log.error(self._problems[0])
        return dg.SkipReason(
            f"{subject}; {count(self._delivered, 'message')} sent, "
            f"{len(self._problems)} not delivered"
        )


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
