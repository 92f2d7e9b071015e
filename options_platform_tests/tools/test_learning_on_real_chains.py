"""What fits learn from some real chains, judged on others, as docs/synthetic-chains.md has it."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.chain import SurfaceRules, Underlying, atm_vol, surface_iv
from options_platform.domain.chain.learned import LearnedSurface, TickerFits
from options_platform.domain.chain.learning import (
    Error,
    MeasuredChain,
    Score,
    fit_after,
    is_adopted,
)
from tools.calibration.load import load

RULES = SurfaceRules()
DATED = (date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 2), date(2026, 1, 5))
"""Days that old chains are given, so that a fit counts them alike."""
UNSEEN = (date(2026, 2, 11), date(2026, 2, 12))


@pytest.fixture(scope="module")
def chains(reference_data):
    every = load(reference_data)
    return {(one.ticker, one.session): one for one in every if one.ticker in ("SPY", "QQQ")}


def underlying(chain, points, index):
    forward = points["forward"].to_numpy()
    scale = index / chain.index
    term = chain.term.each(lambda vol: np.full(points.height, float(vol) * scale))
    return Underlying.of(chain.ticker, chain.session, forward, np.full(points.height, index), term)


def measured(chain, index, day):
    model = atm_vol(underlying(chain, chain.points, index), chain.points["years"].to_numpy(), RULES)
    return MeasuredChain.of(day, chain.points.with_columns(model_atm=pl.Series(model)))


def error(chain, index, rules):
    points = chain.points.filter(pl.col("dte").is_between(14, 60))
    strike, years = points["strike"].to_numpy(), points["years"].to_numpy()
    model = surface_iv(underlying(chain, points, index), strike, years, rules, carry=0.0)
    off = pl.Series(100.0 * (np.asarray(model) - points["iv"].to_numpy()))
    return Error.of(points.with_columns(error_points=off))


def score(chain, index, fit):
    """The errors of a fit and of the class on a chain."""
    fits = {chain.ticker: TickerFits((date(2000, 1, 3),), (fit.smile,), (fit.level,))}
    learned = LearnedSurface.of(RULES, fits)
    return Score(chain.session, error(chain, index, learned), error(chain, index, RULES))


def test_the_chains_of_2015_and_2020_do_not_teach_spy_its_surface_of_2026(chains):
    old = [chains["SPY", day] for day in (date(2015, 1, 5), date(2020, 10, 5))]
    dated = [
        measured(chain, chain.index, day)
        for chain, day in zip([old[0], old[0], old[1], old[1]], DATED, strict=True)
    ]
    fit = fit_after(dated, DATED[-1], RULES.smile_of("SPY"))
    scores = [score(chains["SPY", day], chains["SPY", day].index, fit) for day in UNSEEN]
    assert [one.by_class.near for one in scores] == pytest.approx([0.16, 0.19], abs=0.01)
    assert [one.by_fit.near for one in scores] == pytest.approx([0.30, 0.23], abs=0.04)
    assert [one.by_class.far for one in scores] == pytest.approx([0.29, 0.37], abs=0.01)
    assert [one.by_fit.far for one in scores] == pytest.approx([0.23, 0.28], abs=0.04)
    assert all(one.by_fit.far < one.by_class.far for one in scores)
    february = [date(2026, 2, day) for day in (9, 10, 11, 12)]
    enough = [
        Score(day, one.by_fit, one.by_class) for day, one in zip(february, scores * 2, strict=True)
    ]
    assert not is_adopted(enough, february[-1])


def test_the_stored_real_chains_of_spy_are_too_far_apart_for_a_fit(chains):
    own = [one for (ticker, _), one in chains.items() if ticker == "SPY"]
    dated = [measured(one, one.index, one.session) for one in own]
    assert len(dated) == 4
    assert fit_after(dated, UNSEEN[-1], RULES.smile_of("SPY")) is None


def test_a_level_takes_half_of_qqqs_error_on_the_vix_away(chains):
    first, second = (chains["QQQ", day] for day in UNSEEN)
    vix = [chains["SPY", day].index for day in UNSEEN]
    dated = [measured(first, vix[0], day) for day in DATED[1:]]
    fit = fit_after(dated, DATED[-1], RULES.smile_of("QQQ"))
    scored = score(second, vix[1], fit)
    assert scored.by_class.near == pytest.approx(5.7, abs=0.1)
    assert scored.by_fit.near < 0.6 * scored.by_class.near
