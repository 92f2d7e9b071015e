"""One rule for trying again: bounded attempts, growing pauses, one deadline.

A source turns whatever goes wrong into a :class:`FetchError`, which says whether it may pass. The
policy asks again for those that may, honours the pause that a server asks for, and ends in a
:class:`~options_platform.errors.SourceError` that names what was asked, the cause, and what to
do. Nothing else is caught: a bug keeps its traceback.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from options_platform.errors import ShortHistoryError, SourceError

if TYPE_CHECKING:
    import polars as pl

Answer = TypeVar("Answer")

PASSING_STATUS = frozenset({408, 425, 429})
SERVER_ERROR = 500
LATER = "try again later"


class FetchError(Exception):
    """Why a source gave nothing: `passing` if asking again may help, `advice` what to do.

    `status` is that of the HTTP answer, None if there was none; `body` is what it said, whole.
    `bars` is set where the answer is sound and ends too early: the bars that it holds.
    """

    def __init__(
        self,
        cause: str,
        *,
        passing: bool = True,
        retry_after_seconds: float | None = None,
        advice: str = LATER,
        status: int | None = None,
        body: str = "",
        bars: pl.DataFrame | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.passing = passing
        self.retry_after_seconds = retry_after_seconds
        self.advice = advice
        self.status = status
        self.body = body
        self.bars = bars


class NoPricesError(FetchError):
    """The answer names the symbol and holds no price of the range."""


def status_fault(
    status: int,
    said: str,
    *,
    retry_after: str | None = None,
    advice: str = LATER,
    body: str = "",
) -> FetchError:
    """The fault of an HTTP status of 400 and more; `said` is the server's own reason."""
    passing = status in PASSING_STATUS or status >= SERVER_ERROR
    first = next(iter(said.strip().splitlines()), "")[:160]
    return FetchError(
        f"HTTP {status}: {first}" if first else f"HTTP {status}",
        passing=passing,
        retry_after_seconds=seconds_of(retry_after),
        advice=advice,
        status=status,
        body=body,
    )


def seconds_of(retry_after: str | None, now: datetime | None = None) -> float | None:
    """The header Retry-After as seconds (RFC 9110, 10.2.3: a number or a date), else None."""
    if not retry_after:
        return None
    try:
        return max(float(retry_after), 0.0)
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((at - (now or datetime.now(UTC))).total_seconds(), 0.0)


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to try.

    The nth pause is `first_pause_seconds` x 2^(n-1) with up to half of it added at random, at
    most `longest_pause_seconds`, and never shorter than the server asked for. No pause is begun
    that would end after `deadline_seconds`.
    """

    attempts: int = 4
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 30.0
    deadline_seconds: float = 120.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def call(self, ask: Callable[[], Answer], what: str) -> Answer:
        """What `ask` returns; SourceError beginning with `what` if it never does.

        It is a ShortHistoryError where the last answer was sound and held too few bars.
        """
        import tenacity

        begun = self.clock()

        def over(state: tenacity.RetryCallState) -> bool:
            spent = self.clock() - begun + state.upcoming_sleep
            return state.attempt_number >= self.attempts or spent > self.deadline_seconds

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, FetchError) and e.passing),
            wait=self._pause,
            stop=over,
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(ask)
        except FetchError as fault:
            tries = int(retrying.statistics.get("attempt_number", 1))
            if fault.bars is not None:
                raise ShortHistoryError(_told(what, fault, tries), fault.bars) from None
            raise SourceError(_told(what, fault, tries)) from None

    def _pause(self, state: object) -> float:
        import tenacity

        growing = tenacity.wait_exponential(
            multiplier=self.first_pause_seconds, max=self.longest_pause_seconds
        )
        pause = float(growing(state))  # type: ignore[arg-type]
        jitter = tenacity.wait_random(0.0, pause / 2.0)
        pause = min(pause + float(jitter(state)), self.longest_pause_seconds)  # type: ignore[arg-type]
        outcome = getattr(state, "outcome", None)
        fault = outcome.exception() if outcome is not None else None
        asked = fault.retry_after_seconds if isinstance(fault, FetchError) else None
        return max(pause, asked or 0.0)


def _told(what: str, fault: FetchError, tries: int) -> str:
    asked = fault.retry_after_seconds
    often = f", {tries} times" if tries > 1 else ""
    wait = f", asked to wait {asked:.0f} s" if asked else ""
    return f"{what} ({fault.cause}{often}{wait}); {fault.advice}"
