"""What the command `daily` does for people once its run has ended: heartbeat and alerts.

The sensors of the daemon do the same for runs of the schedule.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from options_platform.adapters.heartbeat import heartbeat_url, is_watched
from options_platform.adapters.notifier import is_configured
from options_platform.errors import PlatformError
from options_platform.settings import Settings

HEARTBEAT_TRIES = 3


def after_run(settings: Settings, run_id: str, now: datetime) -> list[str]:
    """Ask the watcher and deliver alerts; what did not work, each in a line.

    Nothing that fails here fails the run: it is kept, and tried again by the next run or the
    daemon.
    """
    problems: list[str] = []
    for is_wanted, step in ((is_watched(), _beat), (is_configured(), _alert)):
        if is_wanted:
            try:
                problems += step(settings, run_id, now)
            except PlatformError as error:
                problems.append(str(error))
    return problems


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


def _alert(settings: Settings, _run_id: str, now: datetime) -> Iterator[str]:
    from options_platform.adapters.notifier import open_notifier
    from options_platform.services.alerting.conditions import look, outbox_of
    from options_platform.services.alerting.deliveries import deliver, record
    from options_platform.services.forward.recording import forward_record

    if (sender := open_notifier()) is None:
        return
    outbox = outbox_of(settings)
    record(outbox, look(settings, outbox, forward_record(settings), now), sender, now, settings)
    yield from deliver(outbox, sender, now, settings.alerts).problems[:1]
