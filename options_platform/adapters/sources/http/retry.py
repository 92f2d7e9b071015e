"""The retry policy of all sources: bounded attempts, growing pauses, one deadline.

A source raises a :class:`FetchError` for every failure, with a flag for temporary ones. The policy
repeats the request after a temporary failure, waits as long as the server asks for, and finally
raises a :class:`~options_platform.errors.SourceError` with the request, the cause and an advice.
It catches nothing else: a bug keeps its traceback.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from options_platform.errors import ShortHistoryError, SourceError, UnknownSymbolError

if TYPE_CHECKING:
    import polars as pl

Answer = TypeVar("Answer")

PASSING_STATUS = frozenset({408, 425, 429})
UNKNOWN = 404
SERVER_ERROR = 500
LATER = "try again later"


class FetchError(Exception):
    """A request failed: `passing` if a retry may help, `advice` for the user.

    `status` is the HTTP status, None without an answer; `body` is the whole body of the answer.
    `bars` is set if the answer was good but ended too early: the bars that it had.
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
    """The source knows the symbol but has no price in the range."""


def status_fault(
    status: int,
    reason: str,
    *,
    retry_after: str | None = None,
    advice: str = LATER,
    body: str = "",
) -> FetchError:
    """The error for an HTTP status of 400 or more; `reason` is the server's message."""
    passing = status in PASSING_STATUS or status >= SERVER_ERROR
    first = next(iter(reason.strip().splitlines()), "")[:160]
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
    """Number of attempts, pauses between them, and deadline.

    The nth pause is `first_pause_seconds` x 2^(n-1) plus a random addition of up to half of it,
    at most `longest_pause_seconds`, and never shorter than the server asks for. A pause that would
    end after `deadline_seconds` is not begun.
    """

    attempts: int = 4
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 30.0
    deadline_seconds: float = 120.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def call(self, ask: Callable[[], Answer], what: str) -> Answer:
        """Return the answer of `ask`, repeated after temporary failures.

        Raises :class:`SourceError` with a message that begins with `what`; it is a
        :class:`ShortHistoryError` if the last answer was good but ended too early, and an
        :class:`UnknownSymbolError` if the source has no such symbol, or no price of it.
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
                raise ShortHistoryError(_message(what, fault, tries), fault.bars) from None
            if fault.status == UNKNOWN or isinstance(fault, NoPricesError):
                raise UnknownSymbolError(_message(what, fault, tries)) from None
            raise SourceError(_message(what, fault, tries)) from None

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
        required = fault.retry_after_seconds if isinstance(fault, FetchError) else None
        return max(pause, required or 0.0)


def _message(what: str, fault: FetchError, tries: int) -> str:
    required = fault.retry_after_seconds
    times = f", {tries} times" if tries > 1 else ""
    wait = f", asked to wait {required:.0f} s" if required else ""
    return f"{what} ({fault.cause}{times}{wait}); {fault.advice}"
