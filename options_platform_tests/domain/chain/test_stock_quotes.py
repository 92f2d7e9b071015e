"""Quotes of stocks: wider than those of funds, widest around a report, American in the money."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.chain import ChainRules, SurfaceRules, Underlying, quote
from options_platform.domain.chain.learned import LearnedSurface, moved_by_ticker
from options_platform.domain.chain.stock_quotes import NearReports, StockQuoteRules
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.near_reports import near_reports
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.pricing import (
    PUT,
    american_price,
    black_scholes,
    european_price,
    intrinsic_value,
    lattice_price,
)
from options_platform_tests.domain.pricing.quantlib import option

AS_FUND = StockQuoteRules(width_scale=1.0, report_width_scale=1.0, american_delta=1.0)
REPORT = date(2024, 2, 1)


def quotes(ticker, rules, session=date(2024, 1, 29), strike=180.0, sign=PUT, spot=190.0, days=30):
    one = Underlying.of(ticker, session, np.array([spot]), np.array([0.3]))
    return quote(one, np.array([strike]), np.array([days / 365]), np.array([sign]), rules)


def width(*inputs, **more):
    made = quotes(*inputs, **more)
    return (made.ask - made.bid)[0]


def around_the_report():
    rows = [{
        "ticker": "AAPL", "quarter_no": 1, "date": REPORT, "timing": "after_close",
        "status": "reported", "source": "csv", "known_from": datetime(2024, 6, 1, tzinfo=UTC),
        "known_until": None,
    }]  # fmt: skip
    record = pl.DataFrame(rows, schema=EARNINGS_KNOWN.schema, strict=False)
    near = near_reports(KnownDates("AAPL", record, EarningsRules()), 5)
    return {"AAPL": NearReports(tuple(near), tuple(near.values()))}


def test_quotes_of_stocks_are_half_as_wide_again_and_twice_that_within_3_sessions_of_a_report():
    near = LearnedSurface.of(SurfaceRules(), {}, near=around_the_report())
    plain, rules = ChainRules(stocks=AS_FUND), ChainRules(surface=near)
    tick = 0.051
    for day, scale in [
        (26, 1.5), (29, 3.0), (31, 3.0),  # 4, 3 and 1 sessions before the anchor
    ]:  # fmt: skip
        session = date(2024, 1, day)
        wanted = scale * width("AAPL", plain, session)
        assert width("AAPL", rules, session) == pytest.approx(wanted, abs=tick)
        assert width("MSFT", rules, session) == pytest.approx(
            1.5 * width("MSFT", plain, session), abs=tick
        )
    assert width("AAPL", rules, date(2024, 2, 6)) > 1.9 * width("AAPL", rules, date(2024, 2, 7))
    assert width("AAPL", ChainRules(surface=near, width_scale=0.0)) == pytest.approx(0.01)
    kept = moved_by_ticker(near, {"AAPL": 1.0})
    assert width("AAPL", ChainRules(surface=kept)) > 2.5 * width("AAPL", plain)


def test_a_date_that_moves_later_changes_no_width_before_it_was_known():
    was = {
        "ticker": "AAPL", "quarter_no": 1, "date": REPORT, "timing": "after_close",
        "status": "confirmed", "source": "csv", "known_from": datetime(2024, 1, 1, tzinfo=UTC),
        "known_until": datetime(2024, 1, 30, 22, tzinfo=UTC),
    }  # fmt: skip
    moved = was | {"date": date(2024, 2, 8), "known_from": was["known_until"], "known_until": None}
    record = pl.DataFrame([was, moved], schema=EARNINGS_KNOWN.schema, strict=False)
    near = near_reports(KnownDates("AAPL", record, EarningsRules()), 3)
    assert [day.day for day in near] == [29, 30, 5, 6, 7, 8, 9, 12, 13]


@pytest.mark.parametrize("ticker", ["SPY", "GLD", "SPXW", ""])
def test_funds_and_indices_are_quoted_as_before_to_the_last_bit(ticker):
    for strike in (150.0, 190.0, 240.0):
        ours = quotes(ticker, ChainRules(), strike=strike)
        theirs = quotes(ticker, ChainRules(stocks=AS_FUND), strike=strike)
        assert (ours.bid, ours.ask) == (theirs.bid, theirs.ask)


@pytest.mark.parametrize("strike", [205.0, 220.0, 260.0])
def test_a_put_of_a_stock_deep_in_the_money_has_quantlibs_american_price(strike):
    """Cox, Ross and Rubinstein's tree of 201 steps; within a tick of the quoted middle."""
    made = quotes("AAPL", ChainRules(width_scale=0.0), strike=strike)
    wanted = option(
        190.0, strike, 30, made.iv[0], 0.03, 0.015, "put", american=True,
        engine=lambda ql, process, _: ql.BinomialVanillaEngine(process, "crr", 201),
    ).NPV()  # fmt: skip
    assert made.mid[0] == pytest.approx(wanted, abs=0.03)
    as_european = quotes("AAPL", ChainRules(stocks=AS_FUND, width_scale=0.0), strike=strike)
    assert as_european.mid[0] <= made.mid[0]
    if strike == 260.0:
        assert as_european.mid[0] < intrinsic_value(190.0, strike, PUT) - 0.2


def test_out_of_the_money_to_45_days_the_european_price_is_within_two_cents():
    random = np.random.default_rng(5)
    count = 400
    days, vol = random.integers(1, 46, count), random.uniform(0.15, 0.9, count)
    sign = random.choice([1.0, -1.0], count)
    strike = 100.0 * np.exp(sign * np.abs(random.normal(0.0, 0.12, count)))
    inputs = (np.full(count, 100.0), strike, days / 365, vol, 0.03, 0.015, sign)
    european = european_price(*inputs)
    assert np.abs(american_price(*inputs) - european).max() < 0.02
    assert np.abs(lattice_price(*inputs, steps=201) - european).max() < 0.02


def test_the_formula_is_the_trees_price_to_a_cent_where_it_is_used():
    """Absolute deltas above 0.8 to 60 days; a tree takes fifty times as long."""
    random = np.random.default_rng(7)
    count = 1200
    years, vol = random.integers(1, 61, count) / 365, random.uniform(0.15, 0.9, count)
    sign = random.choice([1.0, -1.0], count)
    strike = 100.0 * np.exp(-sign * np.abs(random.normal(0.0, 0.2, count)))
    for rate in (0.0, 0.03, 0.055):
        inputs = np.full(count, 100.0), strike, years, vol, rate, 0.015, sign
        deep = np.abs(black_scholes(*inputs).delta) > 0.8
        of_deep = [values[deep] if np.ndim(values) else values for values in inputs]
        trees = lattice_price(*of_deep, steps=201)
        assert np.abs(american_price(*of_deep) - trees).max() < 0.013


@pytest.mark.parametrize(
    "wrong", [{"width_scale": -1.0}, {"report_sessions": 9}, {"american_delta": 0.2}]
)
def test_rules_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StockQuoteRules(**wrong)
