"""Running a rehearsal: the plans of the rule set, the month, and the verdicts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from options_platform.common import Progress
from options_platform.domain.planning.plan import build_plans
from options_platform.services.rehearsal.checks import Ended, verdicts_of
from options_platform.services.rehearsal.data import RehearsalData
from options_platform.services.rehearsal.drive import Driver
from options_platform.services.rehearsal.result import Rehearsal
from options_platform.services.rehearsal.stress import Intensity
from options_platform.services.rehearsal.stress_book import ABOUT, stress_plans
from options_platform.services.rehearsal.world import RehearsalWorld, opened
from options_platform.settings import Settings

DEFAULT_SEED = 1


def no_progress(_: str, __: int, ___: int) -> None:
    """Report nothing."""


def rehearse(
    settings: Settings,
    data: RehearsalData,
    intensity: Intensity,
    *,
    seed: int = DEFAULT_SEED,
    progress: Progress = no_progress,
) -> Rehearsal:
    """Trade a stressed month by the rule set of the settings, and check what has to hold.

    `settings` are those of the home, with the surface that its chains have taught. The same data,
    settings, intensity and seed give the same rehearsal. The ledger lies in a folder of its own,
    which is gone afterwards; nothing of the home is written.
    """
    plans = build_plans(data.inputs, settings.plan, data.chain_of)
    book = stress_plans(data, settings.plan)
    with (
        tempfile.TemporaryDirectory(prefix="options-rehearsal-") as folder,
        opened(settings, data, Path(folder)) as world,
    ):
        driver = Driver(world, plans, book, intensity, seed)
        driver.run(progress)
        return _result(driver, world, settings)


def _result(driver: Driver, world: RehearsalWorld, settings: Settings) -> Rehearsal:
    ended = Ended(
        world.settings,
        world.fake.book,
        world.ledger,
        world.watch,
        driver.rows,
        world.data.closes,
        world.now,
    )
    planned_on = ", ".join(str(day) for day in driver.book_planned_on)
    return Rehearsal(
        month=world.data.month,
        rule_set=settings.rule_set,
        seed=driver.seed,
        intensity=driver.intensity,
        tickers=tuple(world.data.tickers),
        start_usd=settings.account_value_usd,
        stress_book=f"{ABOUT} (planned on {planned_on})" if planned_on else None,
        sessions=tuple(driver.rows),
        moments=tuple(world.moments),
        events=tuple(world.events),
        orders=tuple(world.ledger.orders()),
        positions=tuple(world.ledger.positions()),
        verdicts=verdicts_of(ended),
        requests=len(world.fake.requests),
        processes=world.processes,
    )
