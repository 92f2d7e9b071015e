"""The pages as they are served: each is made again only when what it shows may have changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from options_platform.reporting.dashboard.pages import Frame, render, view_of
from options_platform.services.trading.home_copy import home_copy
from options_platform.serving.dashboard.access import Access
from options_platform.settings import Settings

KEPT_PAGES = 48
MINUTES = 5
"""How long a page may be shown whose home has not changed: alerts come with time alone, too."""

SHOW_RUNS = ("today", "system")
"""The pages that show the state of Dagster's runs, up to a minute old."""

ASKED = ("account", "search", "ticker", "strategy", "rule_set", "exit_reason", "result")
"""What a page may be asked for."""


@dataclass
class MadePages:
    """The pages of a home, each made once for a state of it; one at a time, on one core.

    `as_stored` gives the settings by which a home is shown: its source is that of its bars, also of
    those that arrive while the dashboard runs.
    """

    settings: Settings
    access: Access
    as_stored: Callable[[Settings], Settings] = lambda settings: settings
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _made: OrderedDict[tuple[str, ...], str] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self, name: str) -> str:
        """What changes with anything that a page may show: the copy, halts, runs, and time."""
        settings, now = self.settings, self.now()
        copy = home_copy(settings)
        notices = [notice.stat().st_mtime_ns for notice in settings.home.glob("*.duckdb.halt")]
        runs = 0
        if name in SHOW_RUNS:
            files = (
                settings.dagster_home / "history" / each for each in ("runs.db", "runs.db-wal")
            )
            # A run writes all the time.
            runs = int(max((f.stat().st_mtime for f in files if f.exists()), default=0.0) // 60)
        parts = (copy.published_at, copy.behind, *sorted(notices), runs)
        return " ".join(map(str, (*parts, int(now.timestamp() // (60 * MINUTES)))))

    def page(self, name: str, query: dict[str, str]) -> str:
        """A page as HTML."""
        with self._lock:
            state = self.state(name)
            key = (state, name, *(query.get(each, "") for each in ASKED))
            if key not in self._made:
                view = view_of(self.as_stored(self.settings), query, self.now())
                self._made[key] = render(name, view, Frame(state, self.access.form_token))
                while len(self._made) > KEPT_PAGES:
                    self._made.popitem(last=False)
            return self._made[key]
