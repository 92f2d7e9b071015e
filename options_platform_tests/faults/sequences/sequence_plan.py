"""What a random sequence does, drawn from its seed alone before anything runs.

A sequence is the first daily run and at least ten actions; half of those that a process of ours
carries out end at a step, as a kill would end them. It has two or three habits of the broker, of
the market or of people, each with steps of its own among the common ones.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

KILL_STEPS = (
    "intent recorded", "sending", "submitted", "recorded", "to be canceled", "canceled"
)  # fmt: skip
FEWEST_ACTIONS, FEWEST_COMMON = 10, 3
KILLED = ("daily_run", "work", "flatten", "check", "halt", "next_session")

POST_FAULTS = (
    {"do": "status_after", "status": 504},
    {"do": "status_after", "status": 502},
    {"do": "status", "status": 502},
    {"do": "status", "status": 429},
    {"do": "status", "status": 403, "body": {"code": 40310000, "message": "insufficient power"}},
    {"do": "drop"},
    {"do": "drop_after"},
    {"do": "outcome", "then": "reject"},
    {"do": "outcome", "then": "fill"},
    {"do": "outcome", "then": "part", "spreads": 1},
)
OTHER_FAULTS = (
    {"on": "GET /v2/orders:by", "do": "status", "status": 502},
    {"on": "GET /v2/orders", "do": "status", "status": 200, "body": []},
    {"on": "GET /v2/positions", "do": "status", "status": 200, "body": {}},
    {"on": "GET", "do": "drop"},
    {"on": "GET", "do": "status", "status": 502, "times": 4},
    {"on": "DELETE", "do": "pending_cancel"},
    {"on": "DELETE", "do": "status_after", "status": 504},
    {"on": "DELETE", "do": "drop"},
)
PAGE_FAULTS = (
    {"do": "status_after", "page": "forbidden"},
    {"do": "status", "page": "forbidden"},
    {"do": "status_after", "page": "bad_gateway"},
    {"on": "GET /v2/orders:by", "do": "status", "page": "not_found"},
    {"on": "GET /v2/orders:by", "do": "status", "page": "not_found", "times": 6},
    {"on": "GET /v2/positions", "do": "status", "page": "bad_gateway", "times": 3},
    {"on": "DELETE", "do": "status", "page": "not_found"},
)
READINGS = ("orders", "lookups", "positions", "activities", "account")


@dataclass(frozen=True)
class Action:
    """One action: the name of its method, its arguments, and where its process is killed."""

    name: str
    given: tuple[object, ...] = ()
    kill: str | None = None

    def __str__(self) -> str:
        killed = f", killed at {self.kill!r}" if self.kill else ""
        return f"{self.name}{self.given}{killed}"


@dataclass(frozen=True)
class SequencePlan:
    """A seed's sequence; `refuses_uncovered`: whether the broker refuses uncovered shorts."""

    seed: int
    refuses_uncovered: bool
    tickers: tuple[str, ...]
    habits: tuple[str, ...]
    actions: tuple[Action, ...]
    overlaid: bool = False

    def legs_beside(self, session: date) -> str | None:
        """What a second rule set plans for a session, if two trade the account; None is nothing."""
        if not self.overlaid:
            return None
        return random.Random(f"{self.seed} {session}").choice([*BESIDE, None])


BESIDE = ("call", "across", "reverse", "put")


def plan_of(seed: int, *, overlaid: bool = False) -> SequencePlan:
    """The sequence of a seed, the same every time; `overlaid` by two rule sets in one account."""
    draw = random.Random(seed)
    habits = tuple(sorted(draw.sample(sorted(HABITS), draw.randint(2, 3))))
    tracks = [HABITS[habit](draw) for habit in habits]
    own = sum(map(len, tracks))
    tracks.append([_common(draw) for _ in range(max(FEWEST_ACTIONS - own, FEWEST_COMMON))])
    tickers = draw.choice([("SPY",), ("SPY", "QQQ")])
    refuses = draw.random() < 0.5
    faults = [Action("fault", (draw.choice(POST_FAULTS),)) for _ in range(draw.randint(0, 1))]
    begin = [*faults, Action("daily_run")]
    actions = [*begin, *_merged(draw, tracks)]
    killed = tuple(_with_kill(draw, action) for action in actions)
    return SequencePlan(seed, refuses, tickers, habits, killed, overlaid)


def _merged(draw: random.Random, tracks: list[list[Action]]) -> list[Action]:
    """All tracks at once, the actions of each in their order, every other one without a break."""
    pieces = [[track] if draw.random() < 0.5 else [[a] for a in track] for track in tracks]
    turns = [at for at, track in enumerate(pieces) for _ in track]
    draw.shuffle(turns)
    waiting = [iter(track) for track in pieces]
    return [action for at in turns for action in next(waiting[at])]


def _with_kill(draw: random.Random, action: Action) -> Action:
    if action.name not in KILLED or draw.random() < 0.5:
        return action
    return Action(action.name, action.given, draw.choice(KILL_STEPS))


def _common(draw: random.Random) -> Action:
    """Common actions of any sequence; half of them by a process of the platform."""
    return draw.choice(
        [
            Action("fault", (draw.choice(POST_FAULTS),)),
            Action("fault", (draw.choice(OTHER_FAULTS),)),
            Action("daily_run"),
            Action("work"),
            Action("reconcile"),
            Action("flatten"),
            _filled(draw),
            Action("fill", (draw.randrange(10), None)),
            Action("broker_cancels", (draw.randrange(10),)),
        ]
    )


def _filled(draw: random.Random) -> Action:
    return Action("fill", (draw.randrange(10), draw.choice([None, 1, 2])))


def _next_session(draw: random.Random, legs: str | None = None) -> Action:
    return Action("next_session", (legs, draw.choice([243.0, 247.0, 250.0, 253.0, 257.0])))


def _opened(draw: random.Random) -> list[Action]:
    """Open a position: working entries fill, or those planned by a new session."""
    if draw.random() < 0.5:
        return [Action("fill_all")]
    return [Action("resume"), _next_session(draw, draw.choice(["call", "put"])), Action("fill_all")]


def _closing(draw: random.Random) -> Action:
    return draw.choice(
        [Action("flatten"), Action("work"), _next_session(draw), Action("daily_run")]
    )


def _leaving(draw: random.Random) -> Action:
    """Actions that close positions: all of them, or those at their stop."""
    return draw.choice([Action("flatten"), Action("flatten"), Action("check", ("stop",))])


def _lost_leg(draw: random.Random) -> list[Action]:
    return [
        *_opened(draw),
        Action("lose_leg", (draw.choice(["bought", "sold"]), draw.choice([None, 1]))),
        _closing(draw),
    ]


def _same_contract(draw: random.Random) -> list[Action]:
    return [
        Action("fill_all"),
        _next_session(draw, "call"),
        Action("fill_all"),
        _closing(draw),
    ]


def _opposite_sides(draw: random.Random) -> list[Action]:
    return [
        Action("fill_all"),
        _next_session(draw, draw.choice(["across", "reverse"])),
        Action("fill_all"),
        Action("flatten"),
    ]


def _stops_beside_flatten(draw: random.Random) -> list[Action]:
    pair = [Action("check", (draw.choice(QUOTES),)), Action("flatten")]
    draw.shuffle(pair)
    return [*_opened(draw), *pair, Action("check", (draw.choice(QUOTES),))]


QUOTES = ("stop", "stop", "sound", "wide", "none")


def _lagging_lists(draw: random.Random) -> list[Action]:
    readings = tuple(sorted(draw.sample(READINGS, draw.randint(1, 3))))
    kind = draw.choice(["lag", "freeze", "hide", "day"])
    if kind == "hide":
        symbols = draw.choice(["bought", "sold", "all"])
        lie = Action("lie", ("hide", symbols, draw.choice([2, 4, 9, 20])))
        return [*_opened(draw), lie, _leaving(draw), Action("honest")]
    given: tuple[object, ...] = ("day", ("positions",), 0)
    if kind == "lag":
        given = ("lag", readings, draw.choice([1, 3, 8, 20]))
    elif kind == "freeze":
        given = ("freeze", readings, draw.choice([2, 6, 20]))
    *before, fill = _opened(draw)
    return [*before, Action("lie", given), fill, _leaving(draw), Action("honest")]


def _renamed(draw: random.Random) -> list[Action]:
    return [
        *_opened(draw),
        Action("split", (draw.choice([None, "OPCA", "SPLIT"]),)),
        _closing(draw),
    ]


def _html(draw: random.Random) -> list[Action]:
    faults = [Action("fault", (draw.choice(PAGE_FAULTS),)) for _ in range(2)]
    return [faults[0], _closing(draw), faults[1]]


def _page_caps(draw: random.Random) -> list[Action]:
    return [Action("page_cap", (2 * draw.randint(26, 35),)), _closing(draw)]


def _restored(draw: random.Random) -> list[Action]:
    return [
        Action("save_ledger"),
        draw.choice([Action("fill_all"), _filled(draw)]),
        _closing(draw),
        Action("restore_ledger"),
        _closing(draw),
    ]


def _assigned(draw: random.Random) -> list[Action]:
    return [
        *_opened(draw),
        Action("assign", (draw.choice([None, 1]), draw.random() < 0.5)),
        _closing(draw),
    ]


def _halted(draw: random.Random) -> list[Action]:
    return [
        Action("halt"),
        draw.choice([Action("daily_run"), Action("work")]),
        Action("resume"),
        draw.choice([Action("work"), Action("reconcile")]),
    ]


def _next_sessions(draw: random.Random) -> list[Action]:
    return [
        _filled(draw),
        _next_session(draw, draw.choice([None, "call", "put"])),
        _next_session(draw, draw.choice([None, "call", "put"])),
    ]


def _replaced(draw: random.Random) -> list[Action]:
    return [*_opened(draw), Action("flatten"), Action("replace_exit"), _closing(draw)]


def _underway(draw: random.Random) -> list[Action]:
    return [
        Action("fault", ({"do": "underway"},)),
        draw.choice([Action("daily_run"), Action("flatten")]),
        draw.choice([_closing(draw), Action("halt")]),
        Action("arrive"),
    ]


HABITS: dict[str, Callable[[random.Random], list[Action]]] = {
    "lost legs": _lost_leg,
    "several positions on one contract": _same_contract,
    "opposite sides of one contract": _opposite_sides,
    "stops beside flatten": _stops_beside_flatten,
    "lagging lists": _lagging_lists,
    "renamed contracts": _renamed,
    "HTML errors": _html,
    "page caps": _page_caps,
    "restored ledgers": _restored,
    "assignments with shares": _assigned,
    "halts and resumes": _halted,
    "next sessions": _next_sessions,
    "exits replaced by hand": _replaced,
    "requests underway": _underway,
}
