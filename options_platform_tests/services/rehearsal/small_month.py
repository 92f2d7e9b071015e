"""A made-up market with a crash in March 2016, and short rehearsals of it."""

from dataclasses import replace
from datetime import date

import polars as pl

from options_platform.domain.planning.plan import build_plans
from options_platform.services.market_data.platform import quiet
from options_platform.services.planning.plan_tables import market_closes
from options_platform.services.rehearsal.data import rehearsal_data
from options_platform.services.rehearsal.drive import Driver
from options_platform.services.rehearsal.run import ended_of
from options_platform.services.rehearsal.stress import intensity_of
from options_platform.services.rehearsal.stress_book import stress_plans
from options_platform.settings import make_settings
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs

TICKERS = ("SPY", "QQQ")
MONTH, CRASH = "2016-03", date(2016, 3, 2)
PRICES = ("open", "high", "low", "close", "adj_close")
FALL, RISE = 0.88, 2.0


def crash_market():
    """Random walks that open 12% lower on the second session of March, with twice the VIX."""
    bars, vix = random_market(TICKERS, date(2015, 1, 2), date(2016, 3, 31))
    fell = pl.when(pl.col("date") >= CRASH).then(FALL).otherwise(1.0)
    rose = pl.when(pl.col("date") >= CRASH).then(RISE).otherwise(1.0)
    return (
        bars.with_columns(pl.col(name) * fell for name in PRICES),
        vix.with_columns(pl.col("iv_close", "vix") * rose),
    )


def crash_month(warm_up=3, sessions=3, *, planned=True):
    """The last sessions before March and the first ones of it; `planned`: with planning inputs."""
    bars, vix = crash_market()
    recent = bars.filter(pl.col("date") >= date(2016, 1, 15))
    inputs = recent
    if planned:
        inputs = plan_inputs(bars, vix).filter(pl.col("date") >= date(2016, 1, 15))
    data = rehearsal_data(MONTH, TICKERS, recent, market_closes(bars, vix), inputs)
    return replace(data, warm_up=data.warm_up[-warm_up:], sessions=data.sessions[:sessions])


def settings_of(home, **changes):
    return make_settings({"home": home, "source": "simulated", "tickers": TICKERS, **changes})


def driven(world, settings, data, intensity="stressed", seed=1):
    """A rehearsal that has run in `world`, and both sides at its end."""
    plans = build_plans(data.inputs, settings.plan)
    driver = Driver(world, plans, stress_plans(data, settings.plan), intensity_of(intensity), seed)
    driver.run(quiet)
    return driver, ended_of(driver, world)
