"""A learned surface prices each session by the last fit of an earlier one."""

import pickle
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.chain import SurfaceRules, Underlying, atm_vol, surface_iv
from options_platform.domain.chain.learned import LearnedSurface, TickerFits
from options_platform.domain.chain.ssvi import Smile
from options_platform.domain.pricing import PUT, black_scholes

FIRST, SECOND = date(2020, 3, 2), date(2020, 3, 4)
SMILES = (Smile(0.9, 0.16, 0.7, -0.7, 0.1), Smile(0.7, 0.16, 0.7, -0.6, 0.1))
DAYS = np.arange("2020-02-27", "2020-03-10", dtype="datetime64[D]")


def learned(count=2, **changes):
    days = (FIRST, SECOND)[:count]
    fits = {"SPY": TickerFits(days, SMILES[:count], (1.1, 0.9)[:count])}
    return LearnedSurface.of(SurfaceRules(**changes), fits)


def price(rules, tickers, days, strikes=185.0):
    count = len(days)
    underlying = Underlying.of(tickers, days, np.full(count, 200.0), np.full(count, 0.2))
    years = np.full(count, 30 / 365)
    strike = np.full(count, strikes)
    return surface_iv(underlying, strike, years, rules, carry=0.0)


def test_a_session_is_priced_by_the_last_fit_before_it():
    found = price(learned(), ["SPY"] * len(DAYS), DAYS)
    fixed = [
        price(LearnedSurface.of(SurfaceRules(), {
            "SPY": TickerFits((date(2000, 1, 3),), (smile,), (level,))
        }), ["SPY"], DAYS[:1])[0]
        for smile, level in zip(SMILES, (1.1, 0.9), strict=True)
    ]  # fmt: skip
    plain = price(SurfaceRules(), ["SPY"], DAYS[:1])[0]
    wanted = [
        plain if day <= np.datetime64(FIRST) else fixed[int(day > np.datetime64(SECOND))]
        for day in DAYS
    ]
    assert found.tolist() == wanted


def test_a_later_fit_changes_no_earlier_session():
    upto = DAYS[np.datetime64(SECOND) >= DAYS]
    both, one = (price(learned(count), ["SPY"] * len(upto), upto) for count in (2, 1))
    assert both.tolist() == one.tolist()


@given(st.lists(st.tuples(st.sampled_from(["SPY", "QQQ", "AAPL"]), st.sampled_from(list(DAYS))),
                min_size=1, max_size=12))  # fmt: skip
def test_a_row_alone_has_the_value_that_it_has_in_a_batch(rows):
    tickers, days = [name for name, _ in rows], np.array([day for _, day in rows])
    together = price(learned(), tickers, days)
    alone = [price(learned(), [name], np.array([day]))[0] for name, day in rows]
    assert together.tolist() == alone


def test_without_a_fit_of_the_ticker_prices_are_bit_for_bit_those_of_its_class():
    tickers = ["QQQ", "AAPL", "IWM"]
    plain = price(SurfaceRules(), tickers, DAYS[:3])
    assert (
        price(learned(), tickers, DAYS[-3:]).tolist()
        == price(SurfaceRules(), tickers, DAYS[-3:]).tolist()
    )
    assert price(LearnedSurface.of(SurfaceRules(), {}), tickers, DAYS[:3]).tolist() == (
        plain.tolist()
    )


def test_learning_can_be_switched_off_on_the_learned_surface_itself():
    off = replace(learned(), learn=False)
    assert (
        price(off, ["SPY"], DAYS[-1:]).tolist()
        == price(SurfaceRules(), ["SPY"], DAYS[-1:]).tolist()
    )


def test_the_level_multiplies_the_volatility_at_the_money():
    underlying = Underlying.of("SPY", date(2020, 3, 9), np.array([200.0]), np.array([0.2]))
    years = np.array([30 / 365])
    plain = atm_vol(underlying, years, SurfaceRules())
    assert atm_vol(underlying, years, learned()) == pytest.approx(0.9 * plain)


def test_copies_of_a_learned_surface_are_equal_and_its_fits_can_be_hashed():
    rules = learned()
    price(rules, ["SPY"], DAYS[-1:])
    copy = pickle.loads(pickle.dumps(rules))
    assert copy == rules
    assert copy != learned(1)
    assert hash(copy.fits["SPY"]) == hash(rules.fits["SPY"])


def test_without_its_fits_a_learned_surface_is_the_rules_that_it_was_made_of():
    assert learned(iv_points=1.0).without_fits() == SurfaceRules(iv_points=1.0)


def test_no_rows_have_no_volatilities():
    for rules in (SurfaceRules(), learned()):
        assert price(rules, ["SPY", "QQQ"], DAYS[:2]).shape == (2,)
        some = Underlying.of(["SPY", "QQQ"], DAYS[:2], np.full(2, 200.0), np.full(2, 0.2))
        none, empty = some.at(np.array([], dtype=np.int64)), np.array([])
        assert surface_iv(none, empty, empty, rules, carry=0.0).shape == (0,)
        assert atm_vol(none, empty, rules).shape == (0,)


@pytest.mark.parametrize(("level", "share"), [(1.1, 0.18), (1.2, 0.35), (1.3, 0.51)])
def test_a_level_marks_an_open_spread_anew_by_the_share_of_its_credit_in_the_docs(level, share):
    """QQQ at 440, its index at 14, the 420/410 put spread with 35 days to go."""
    day, strikes = date(2024, 3, 5), np.array([420.0, 410.0])
    both, years = np.ones(2), np.full(2, 35 / 365)
    qqq = Underlying.of("QQQ", day, 440.0 * both, 0.14 * both)
    fit = TickerFits((date(2024, 3, 4),), (SurfaceRules().smile_of("QQQ"),), (level,))
    values = []
    for rules in (SurfaceRules(), LearnedSurface.of(SurfaceRules(), {"QQQ": fit})):
        vol = surface_iv(qqq, strikes, years, rules, carry=0.015)
        price = black_scholes(440.0 * both, strikes, years, vol, 0.03, 0.015, PUT * both).price
        values.append(price[0] - price[1])
    credit, marked = values
    assert credit == pytest.approx(0.675, abs=0.005)
    assert marked / credit - 1.0 == pytest.approx(share, abs=0.01)
