"""Running a rehearsal: the plans of the rule sets, the month, and the verdicts."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

from options_platform.common import Progress
from options_platform.domain.planning.alternates import plans_of_sets
from options_platform.services.market_data.platform import quiet
from options_platform.services.rehearsal.checks import Ended, verdicts_of
from options_platform.services.rehearsal.data import RehearsalData
from options_platform.services.rehearsal.drive import Driver
from options_platform.services.rehearsal.result import Rehearsal
from options_platform.services.rehearsal.stress import Intensity
from options_platform.services.rehearsal.stress_book import ABOUT, stress_plans
from options_platform.services.rehearsal.world import RehearsalWorld, opened
from options_platform.settings import Settings

DEFAULT_SEED = 1


def rehearse(
    settings: Settings,
    data: RehearsalData,
    intensity: Intensity,
    *,
    seed: int = DEFAULT_SEED,
    progress: Progress = quiet,
) -> Rehearsal:
    """Trade a stressed month by the rule sets that trade, and check what has to hold.

    `settings` are those of the home, with the surface that its chains have taught. The same data,
    settings, intensity and seed give the same rehearsal. The ledger lies in a folder of its own,
    which is gone afterwards; nothing of the home is written.
    """
    of_sets = [settings.of_set(name).plan for name in settings.traded_sets]
    (plans, legs), (alternates, their_legs) = plans_of_sets(data.inputs, of_sets, data.chain_of)
    book = stress_plans(data, of_sets[0])
    with (
        tempfile.TemporaryDirectory(prefix="options-rehearsal-") as folder,
        opened(settings, data, Path(folder)) as world,
    ):
        every_leg = pl.concat([legs, their_legs])
        driver = Driver(world, (plans, every_leg), book, intensity, seed, alternates=alternates)
        driver.run(progress)
        return _result(driver, world, settings)


def ended_of(driver: Driver, world: RehearsalWorld) -> Ended:
    """Both sides at the end of a rehearsal, for its checks."""
    return Ended(
        world.settings,
        world.fake.book,
        world.ledger,
        world.watch,
        driver.rows,
        world.data.closes,
        world.now,
    )


def _result(driver: Driver, world: RehearsalWorld, settings: Settings) -> Rehearsal:
    ended = ended_of(driver, world)
    planned_on = ", ".join(str(day) for day in driver.book_planned_on)
    return Rehearsal(
        month=world.data.month,
        rule_set="+".join(settings.traded_sets),
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
