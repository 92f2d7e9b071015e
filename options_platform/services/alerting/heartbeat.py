"""The heartbeat: after each daily run that succeeded, an outside watcher is asked once.

Whatever stops the machine, the daemon or the run itself, the watcher hears nothing, and says so.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from options_platform.adapters.heartbeat import ask
from options_platform.adapters.storage.outbox import Outbox
from options_platform.errors import NotifyError

NEWS_FOR = timedelta(hours=12)
"""An older run is no sign of life: the watcher expects the next one."""


def beat(outbox: Outbox, url: str, now: datetime, *, tries: int = 1, pause: float = 2.0) -> str:
    """Ask the watcher for the newest recorded run, unless it was; the outcome in a line.

    A run that nobody answered for is tried again by the next call, until it is no news.
    """
    run = outbox.newest_run()
    if run is None or run.answered_at is not None:
        return "nothing to report"
    if now - run.ended_at > NEWS_FOR:
        return "the newest run is no news any more"
    problem = ""
    for number in range(tries):
        if number:
            time.sleep(pause)
        try:
            ask(url)
        except NotifyError as error:
            problem = str(error)
            outbox.note_heartbeat(run.run_id, now, answered=False)
        else:
            outbox.note_heartbeat(run.run_id, now, answered=True)
            return "the watcher has answered"
    return problem
