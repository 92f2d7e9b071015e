"""How hard a rehearsal presses: its intensities, and the outages drawn for each session."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from options_platform.errors import UsageError

Fault = Mapping[str, Any]
KILL_STEPS = ("intent recorded", "sending", "submitted", "recorded", "to be canceled", "canceled")
MOMENTS = 4
"""Looks at the market in a session: after the open, at both extremes, before the close."""


@dataclass(frozen=True)
class Intensity:
    """What is added to the real month.

    Attributes:
        name: as on the command line.
        extra_gap: added to each overnight move, as a share of it.
        width: quotes are so many times as wide as the model's.
        fill_share: of half the width of each leg's quote, what a fill costs beyond the mid.
        vol_rise: how far the volatility index rises within a session for a fall below the straight
            line between two closes (both relative).
        outages: mean number of outages in each evening and in each session.
        kill: probability that the process of an evening, or one check of a session, is killed.
        assignment: probability that a sold contract in the money is assigned in a night.
        partial: probability that an order of several contracts fills only in part at a moment.
    """

    name: str
    extra_gap: float = 0.0
    width: float = 1.0
    fill_share: float = 0.5
    vol_rise: float = 3.0
    outages: float = 0.0
    kill: float = 0.0
    assignment: float = 0.0
    partial: float = 0.0


INTENSITIES = {
    each.name: each
    for each in (
        Intensity("real"),
        Intensity(
            "stressed", extra_gap=0.5, width=3.0, outages=1.0, kill=0.35, assignment=0.25,
            partial=0.4,
        ),
        Intensity(
            "severe", extra_gap=1.0, width=6.0, fill_share=0.8, vol_rise=5.0, outages=2.5, kill=0.6,
            assignment=0.5, partial=0.6,
        ),
    )
}  # fmt: skip
"""By name, the mildest first."""


@dataclass(frozen=True)
class Outage:
    """Something that goes wrong at the broker: what people read, and the faults of the server.

    `stale_quotes`: quotes and last prices are an hour old. `lags`: lists show the account as it
    was so many requests ago. `freezes`: they show it as it was when the outage began. `hides`: the
    list of positions leaves out all bought contracts. `stale_clock`: the clock is a day behind.
    """

    text: str
    faults: tuple[Fault, ...] = ()
    stale_quotes: bool = False
    lags: int = 0
    freezes: bool = False
    hides: bool = False
    stale_clock: bool = False


_READS = "GET"
_SENDS = "POST /v2/orders"
_CANCELS = "DELETE"

SENDING = (
    Outage("an order is taken, and its answer is a 504", ({"do": "status_after", "status": 504},)),
    Outage("an order is taken, and the connection breaks before the answer",
           ({"do": "drop_after"},)),
    Outage("an order never arrives: the connection breaks", ({"do": "drop"},)),
    Outage("an order is on its way when the connection breaks, and arrives later",
           ({"do": "underway"},)),
    Outage("a gateway answers an order with a page of HTML (502)",
           ({"do": "status", "page": "bad_gateway"},)),
    Outage("an order is taken, and a gateway answers with a page of HTML (403)",
           ({"do": "status_after", "page": "forbidden"},)),
    Outage("the rate limit (429) refuses an order and four requests that read",
           ({"do": "status", "status": 429},
            {"on": _READS, "do": "status", "status": 429, "times": 4})),
    Outage("an order is accepted and then rejected", ({"do": "outcome", "then": "reject"},)),
)  # fmt: skip
"""Outages while orders are sent."""

READING = (
    Outage("nothing answers (503)", tuple(
        {"on": method, "do": "status", "status": 503, "times": 1_000_000}
        for method in ("GET", "POST", "DELETE"))),
    Outage("looking orders up gives a gateway's 404",
           ({"on": "GET /v2/orders:by", "do": "status", "page": "not_found", "times": 6},)),
    Outage("the list of orders is empty",
           ({"on": "GET /v2/orders", "do": "status", "status": 200, "body": [], "times": 2},)),
    Outage("the list of positions is a page of HTML (502)",
           ({"on": "GET /v2/positions", "do": "status", "page": "bad_gateway", "times": 6},)),
    Outage("lists are as they were some requests ago", lags=6),
    Outage("lists and cash do not change any more", freezes=True),
    Outage("the list of positions leaves out the bought contracts", hides=True),
    Outage("the broker's clock is a day behind", stale_clock=True),
)  # fmt: skip
"""Outages while the account is read."""

IN_SESSION = (
    Outage("a cancel never arrives: the connection breaks",
           ({"on": _CANCELS, "do": "drop", "times": 2},)),
    Outage("a cancel is taken, and its answer is a 504",
           ({"on": _CANCELS, "do": "status_after", "status": 504, "times": 2},)),
    Outage("a cancel is not completed: the order may still fill",
           ({"on": _CANCELS, "do": "pending_cancel"},)),
    Outage("a cancel is on its way when the connection breaks, and arrives later",
           ({"on": _CANCELS, "do": "underway", "times": 2},)),
    Outage("quotes cannot be read (500)",
           ({"on": "GET /v1beta1/options/quotes", "do": "status", "status": 500, "times": 12},)),
    Outage("quotes and last prices are an hour old", stale_quotes=True),
)  # fmt: skip
"""Outages while the market trades."""

TIMES_OUT = Outage("a request that reads gets no answer before its time is up",
                   ({"on": _READS, "do": "hang", "seconds": 30.0},))  # fmt: skip
"""Takes real time, so that it is drawn once in a rehearsal."""


@dataclass(frozen=True)
class SessionStress:
    """What goes wrong in one session and the evening after it.

    `at_moments` has the outages of each moment of the session, `in_evening` those of the evening;
    `kill_at` is the moment whose check is killed at `kill_step`, None if none is, and
    `evening_kill` the step at which the evening's run is.
    """

    at_moments: tuple[tuple[Outage, ...], ...] = ((),) * MOMENTS
    in_evening: tuple[Outage, ...] = ()
    kill_at: int | None = None
    kill_step: str = KILL_STEPS[0]
    evening_kill: str | None = None


CALM = SessionStress()


def intensity_of(name: str) -> Intensity:
    """The intensity of that name; :class:`UsageError` for another."""
    if name not in INTENSITIES:
        raise UsageError(f"there is no intensity {name!r}, only {', '.join(INTENSITIES)}")
    return INTENSITIES[name]


def draws_of(seed: int, session: date, subject: str) -> random.Random:
    """The draws of one subject in one session: they do not depend on what happened before."""
    return random.Random(f"{seed}|{session}|{subject}")  # noqa: S311 (a rehearsal, no secret)


def stress_of(intensity: Intensity, seed: int, session: date) -> SessionStress:
    """What goes wrong in a session, drawn from the seed and the session alone."""
    draw = draws_of(seed, session, "outages")
    at_moments: list[list[Outage]] = [[] for _ in range(MOMENTS)]
    for _ in range(_count(draw, intensity.outages)):
        at_moments[draw.randrange(MOMENTS)].append(
            draw.choice((*SENDING, *IN_SESSION, *IN_SESSION, *READING))
        )
    evening = [draw.choice((*SENDING, *READING)) for _ in range(_count(draw, intensity.outages))]
    killed = draw.random() < intensity.kill
    return SessionStress(
        tuple(tuple(outages) for outages in at_moments),
        tuple(evening),
        kill_at=draw.randrange(MOMENTS) if killed else None,
        kill_step=draw.choice(KILL_STEPS),
        evening_kill=draw.choice(KILL_STEPS[:3]) if draw.random() < intensity.kill else None,
    )


def _count(draw: random.Random, mean: float) -> int:
    """A whole number with that mean: the next lower or the next higher one."""
    return int(mean) + (draw.random() < mean - int(mean))
