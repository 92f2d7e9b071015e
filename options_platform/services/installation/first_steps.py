"""The way of a new home to paper trading: what is in place, what is missing, what to run for it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from options_platform.contracts import RAW_OHLCV, TRADE_PLAN, VIX
from options_platform.services.installation.helpers import SCHEDULES
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform.settings import STARTED_BY, Settings

UI = "http://127.0.0.1:3000"


@dataclass(frozen=True)
class Way:
    """How this platform is started here: a command, a first fetch, and what serves it for good."""

    run: str
    fetch: str
    serve: str
    restart: str


SHELL = Way(
    run="options-platform",
    fetch=f"options-platform backfill --select {RAW_OHLCV.name},{VIX.name}",
    serve="options-platform ui",
    restart="options-platform ui",
)
COMPOSE = Way(
    run="docker compose run --rm app",
    fetch="docker compose run --rm app",
    serve="docker compose up -d",
    restart="docker compose restart daemon",
)


def way_of(environment: Mapping[str, str] | None = None) -> Way:
    """How commands are started, by the mark that the compose file sets."""
    environment = os.environ if environment is None else environment
    return COMPOSE if environment.get(STARTED_BY) == "compose" else SHELL


@dataclass(frozen=True)
class Step:
    """A step to paper trading: whether it is done, what it is for, and how to do it."""

    done: bool
    what: str
    how: str


def first_steps(
    settings: Settings, findings: Sequence[Diagnosis], way: Way | None = None
) -> list[Step]:
    """The steps to paper trading in their order, judged by the findings of `doctor`."""
    way = way or way_of()
    fine = _fine(findings)
    tickers = ", ".join(settings.tickers)
    needed = (RAW_OHLCV.name, VIX.name)
    return [
        Step(
            Diagnosis.BROKEN not in fine,
            "nothing broken",
            "do what the lines that begin with BROKEN say",
        ),
        Step(fine.issuperset(needed), f"bars of {tickers}, and their indices", f"run: {way.fetch}"),
        Step(TRADE_PLAN.name in fine, "models and plans of the past", f"run: {way.run} backfill"),
        Step("broker" in fine, *_account(settings, findings, way)),
        Step("alerts" in fine, "alerts", _alerts(way)),
        Step("dagster daemon" in fine, "web UI, schedules and sensors", f"run: {way.serve}"),
        Step(
            fine.issuperset(SCHEDULES),
            "an order each evening",
            f"switch on {' and '.join(SCHEDULES)} under Automation at {UI}",
        ),
    ]


def steps_in_words(steps: Sequence[Step], way: Way | None = None) -> list[str]:
    """The steps as lines, with the first one that is not done as the next; none if all are done."""
    if all(step.done for step in steps):
        return []
    way = way or way_of()
    lines = ["Steps to paper trading:"]
    following = next(step for step in steps if not step.done)
    for step in steps:
        state = "done" if step.done else "next" if step is following else "open"
        lines.append(f"  {state}  {step.what}" + ("" if step.done else f": {step.how}"))
    return [*lines, f"Then, each morning: {way.run} status"]


def _fine(findings: Sequence[Diagnosis]) -> set[str]:
    """What is in order throughout; `BROKEN` too if anything is."""
    bad = {finding.what for finding in findings if finding.state != Diagnosis.OK}
    fine = {finding.what for finding in findings} - bad
    if any(finding.state == Diagnosis.BROKEN for finding in findings):
        fine.add(Diagnosis.BROKEN)
    return fine


def _account(settings: Settings, findings: Sequence[Diagnosis], way: Way) -> tuple[str, str]:
    if settings.broker == "simulated":
        paper = 'for Alpaca\'s paper account, set broker = "alpaca" in options.toml, and its keys'
        return f"an account: the simulated broker ({paper})", ""
    if any((finding.what, finding.state) == ("broker", Diagnosis.NOTE) for finding in findings):
        then = f"see the line broker; once it answers, run: {way.run} doctor"
        return f"an account: {settings.broker}", then
    keys = "set APCA_API_KEY_ID and APCA_API_SECRET_KEY, or write files of these names"
    return f"an account: {settings.broker}", f"{keys}; then run: {way.run} doctor"


def _alerts(way: Way) -> str:
    return f"set OPTIONS_ALERT_URLS, or write a file of that name; then run: {way.run} alerts test"
