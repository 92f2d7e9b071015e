"""What the command `daily` does for people once its run has ended: heartbeat and alerts.

The sensors of the daemon do the same for runs of the schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from options_platform.adapters.heartbeat import heartbeat_url, is_watched
from options_platform.adapters.notifier import is_configured
from options_platform.domain.trading.alerts import Alert
from options_platform.errors import PlatformError, WarehouseBusyError
from options_platform.services.market_data.failed_tickers import in_words
from options_platform.settings import Settings

HEARTBEAT_TRIES = 3
MOST_CHARACTERS = 500


def after_run(
    settings: Settings, run_id: str, failed: Mapping[str, str], now: datetime
) -> list[str]:
    """Ask the watcher and deliver alerts; what did not work, each in a line.

    `failed` has by ticker why its source left it out, which is an alert: to Dagster such a run has
    failed, and the daemon's sensor would send the same one. Nothing that fails here fails the run:
    it is kept, and tried again by the next run or the daemon.
    """
    problems = _tried(lambda: _beat(settings, run_id, now)) if is_watched() else []
    if not is_configured():
        return problems
    events = [_failure(run_id, in_words(failed))] if failed else []
    return problems + _tried(lambda: _alert(settings, events, now))


def after_failure(settings: Settings, run_id: str, why: str, now: datetime) -> list[str]:
    """Alert to a failed run, whose silence the watcher notices; what did not work, in a line.

    The daemon's sensor sees the run too, and does not report it again.
    """
    if not is_configured():
        return []
    return _tried(lambda: _alert(settings, [_failure(run_id, why)], now))


def _failure(run_id: str, why: str) -> Alert:
    from options_platform.services.alerting.conditions import failed_run

    return failed_run(run_id, "daily", f"{why.strip()[:MOST_CHARACTERS]} (run {run_id})")


def _tried(step: Callable[[], Iterator[str]]) -> list[str]:
    try:
        return list(step())
    except PlatformError as error:
        return [str(error)]


def _beat(settings: Settings, run_id: str, now: datetime) -> Iterator[str]:
    from options_platform.services.alerting.conditions import outbox_of
    from options_platform.services.alerting.heartbeat import beat

    if (url := heartbeat_url()) is None:
        return
    outbox = outbox_of(settings)
    outbox.note_run(run_id, now)
    beat(outbox, url, now, tries=HEARTBEAT_TRIES)
    newest = outbox.newest_run()
    if newest is not None and newest.answered_at is None:
        yield "the heartbeat was not answered; the next run or the daemon asks again"


def _alert(settings: Settings, events: Sequence[Alert], now: datetime) -> Iterator[str]:
    from options_platform.adapters.notifier import open_notifier
    from options_platform.services.alerting.conditions import look, outbox_of
    from options_platform.services.alerting.deliveries import deliver, record
    from options_platform.services.forward.recording import forward_record

    if (sender := open_notifier()) is None:
        return
    outbox = outbox_of(settings)
    outbox.record_events(events, sender.addresses, now)
    try:
        found = look(settings, outbox, forward_record(settings), now)
        record(outbox, found, sender, now, settings)
    except WarehouseBusyError as busy:
        # What waits can be delivered all the same.
        yield str(busy)
    yield from deliver(outbox, sender, now, settings.alerts).problems[:1]
