"""Whether a position is beyond its stop: one look is a doubt, two are a fact.

    quotes say       and before                           it is
    beyond           nothing                              waiting: looked at again
    beyond           beyond, `confirm_seconds` ago        stopped
    beyond           the model is beyond too              stopped
    unsure           the mid and the model are beyond     stopped
    unsure           unsure for less than `wide_seconds`  waiting
    unsure           unsure for longer                    what the model says, else the mid
    within, old      the model is beyond                  as unsure
    within           whatever else                        held, and earlier looks are forgotten

Quotes say "unsure" where they are wide and leave it open on which side of the stop the value is,
and where there are no sound ones. Looks that are unsure neither confirm one another nor take back
what was seen before, but for a model that decides that the position is held.
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
    """What quotes say of a stop."""

    BEYOND = "beyond"
    WITHIN = "within"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Look:
    """What earlier looks of a session have shown of a position; None where they have not.

    `beyond_since` is the first of those at which it was beyond its stop, `unsure_since` the first
    of those whose quotes did not say on which side of it.
    """

    beyond_since: datetime | None = None
    unsure_since: datetime | None = None

    def until(self, at: datetime) -> Look:
        """The same for a look at `at`: what a clock that was ahead has noted begins then."""
        moments = (self.beyond_since, self.unsure_since)
        return Look(*(None if since is None else min(since, at) for since in moments))


@dataclass(frozen=True)
class Evidence:
    """What a look has come to.

    `value` is what the position counts with now, USD a share, None where nothing is known;
    `sure` what it is worth for a fact that stays, such as a halt, None while there is none.
    `by_model` says that quotes were unsure for so long that the model, or the mid for want of it,
    has decided. `look` is to be remembered.
    """

    is_stopped: bool
    value: float | None
    sure: float | None
    by_model: bool
    look: Look


def said_of(by_quotes: Quoted | None, is_stop: IsStop) -> StopVerdict:
    """What quotes say of a stop; `is_stop` says of a value, USD a share, if it is beyond."""
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
    """One look at a position that is held, by the table above.

    Args:
        before: what earlier looks of the same session have shown.
        at: the time of the look.
        by_quotes: its value by sound quotes, None without them.
        by_model: its value by the model at the present spot, None where that is not known.
        is_stop: whether a value, USD a share, is beyond the stop; so is each lower one then.
        rules: how long a doubt lasts.
        are_old: whether the quotes may be of before the underlying's last move.
    """
    before = before.until(at)
    mid = None if by_quotes is None else by_quotes.mid
    sure = _sure(by_quotes, by_model)
    model_is_beyond = by_model is not None and is_stop(by_model.high)
    verdict = said_of(by_quotes, is_stop)
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
    """What a position is worth at the most, by what can be trusted of a single look."""
    if by_quotes is not None and not by_quotes.is_wide:
        return by_quotes.mid
    if by_model is not None:
        return by_model.high
    return None if by_quotes is None else by_quotes.band.high


def _lasts(since: datetime | None, at: datetime, seconds: float) -> bool:
    return since is not None and at - since >= timedelta(seconds=seconds)
