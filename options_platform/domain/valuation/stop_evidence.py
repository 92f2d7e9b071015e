"""Whether quotes confirm that a position has hit its stop: a second look does, one does not.

The level of the stop is in `domain/trading/exits/exit_rules.py`.

    quotes           condition                            outcome
    beyond           no earlier look beyond               waiting for a second look
    beyond           beyond `confirm_seconds` ago         stopped
    beyond           the model is beyond too              stopped
    unsure           the mid and the model are beyond     stopped
    unsure           unsure for less than `wide_seconds`  waiting
    unsure           unsure for longer                    the model decides, without it the mid
    within, old      the model is beyond                  as if unsure
    within           otherwise                            not stopped, earlier looks are discarded

Quotes are "unsure" if they are wide with the stop inside their band, or if there are no valid
quotes. An unsure look neither confirms nor cancels an earlier look, except when the model decides
that the stop is not hit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from options_platform.domain.valuation.band import Band
from options_platform.domain.valuation.quoted import Quoted
from options_platform.domain.valuation.rules import ValuationRules

IsStop = Callable[[float], bool]


class StopVerdict(StrEnum):
    """Position of the quoted value relative to the stop."""

    BEYOND = "beyond"
    WITHIN = "within"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Look:
    """Result of the session's earlier looks at a position, to be remembered between looks.

    `beyond_since` is the time of the first look with the value beyond the stop, `unsure_since` that
    of the first look with inconclusive quotes; None if there was no such look.
    """

    beyond_since: datetime | None = None
    unsure_since: datetime | None = None

    def until(self, at: datetime) -> Look:
        """This result with times no later than `at`, in case an earlier clock was ahead."""
        moments = (self.beyond_since, self.unsure_since)
        return Look(*(None if since is None else min(since, at) for since in moments))


@dataclass(frozen=True)
class Evidence:
    """Outcome of a look at a position.

    `value` is its current value, USD a share, None if unknown. `sure` is a value reliable enough
    for lasting decisions such as a halt, None if there is none. `by_model` is true if quotes were
    inconclusive for so long that the model (or the mid without a model) decided. `look` must be
    passed to the next look.
    """

    is_stopped: bool
    value: float | None
    sure: float | None
    by_model: bool
    look: Look


def verdict_of(by_quotes: Quoted | None, is_stop: IsStop) -> StopVerdict:
    """Position of the quotes relative to a stop; `is_stop` tests a value in USD a share."""
    if by_quotes is None:
        return StopVerdict.UNSURE
    if not by_quotes.is_wide:
        return StopVerdict.BEYOND if is_stop(by_quotes.mid) else StopVerdict.WITHIN
    ends = {is_stop(by_quotes.band.low), is_stop(by_quotes.band.high)}
    if len(ends) > 1:
        return StopVerdict.UNSURE
    return StopVerdict.BEYOND if ends.pop() else StopVerdict.WITHIN


def judge(
    before: Look,
    at: datetime,
    by_quotes: Quoted | None,
    by_model: Band | None,
    is_stop: IsStop,
    rules: ValuationRules,
    *,
    are_old: bool = False,
) -> Evidence:
    """Decide one look at an open position, by the table above.

    Args:
        before: result of the earlier looks in this session.
        at: time of the look.
        by_quotes: value from quotes; None without valid quotes.
        by_model: value of the model at the current spot; None if the spot is unknown.
        is_stop: whether a value, USD a share, is beyond the stop; must then hold for every lower
            value too.
        rules: waiting times.
        are_old: whether the quotes may be older than the underlying's last move.
    """
    before = before.until(at)
    mid = None if by_quotes is None else by_quotes.mid
    sure = _sure(by_quotes, by_model)
    model_is_beyond = by_model is not None and is_stop(by_model.high)
    verdict = verdict_of(by_quotes, is_stop)
    if verdict is StopVerdict.WITHIN and are_old and model_is_beyond:
        verdict = StopVerdict.UNSURE
    if verdict is StopVerdict.WITHIN:
        return Evidence(False, mid, sure, False, Look())
    if verdict is StopVerdict.BEYOND:
        look = Look(beyond_since=before.beyond_since or at)
        is_second = _lasts(before.beyond_since, at, rules.confirm_seconds)
        return Evidence(is_second or model_is_beyond, mid, sure, False, look)
    look = replace(before, unsure_since=before.unsure_since or at)
    if _lasts(look.unsure_since, at, rules.wide_seconds):
        value = mid if by_model is None else by_model.low
        is_stopped = value is not None and is_stop(value)
        if by_model is not None and not is_stopped:
            look = replace(look, beyond_since=None)
        return Evidence(is_stopped, value, value, True, look)
    value = by_model.low if mid is None and by_model is not None else mid
    mid_is_beyond = mid is not None and is_stop(mid)
    return Evidence(mid_is_beyond and model_is_beyond, value, sure, False, look)


def _sure(by_quotes: Quoted | None, by_model: Band | None) -> float | None:
    """The most favourable value that a single look supports reliably; None if there is none."""
    if by_quotes is not None and not by_quotes.is_wide:
        return by_quotes.mid
    if by_model is not None:
        return by_model.high
    return None if by_quotes is None else by_quotes.band.high


def _lasts(since: datetime | None, at: datetime, seconds: float) -> bool:
    return since is not None and at - since >= timedelta(seconds=seconds)
