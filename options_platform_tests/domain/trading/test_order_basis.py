from datetime import date

import polars as pl

from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.risk import FreshnessRules, stale
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.order_basis import order_bases
from options_platform.testing.plan_rows import one

WEDNESDAY, FRIDAY = date(2024, 7, 3), date(2024, 7, 5)


def basis(planned_on=FRIDAY, closed_on=FRIDAY, folds=None, ticker="SPY", crossed=False):
    plans, legs = build_plans(one().with_columns(date=pl.lit(planned_on)), PlanRules())
    if crossed:
        legs = legs.with_columns(bid=pl.col("ask") + 0.01)
    closes = {ticker: DatedClose(closed_on, MarketClose(plans["spot"][0], 0.2))}
    (found,) = order_bases(plans, legs, closes, FRIDAY, folds).values()
    return found


def codes(**changes):
    return [check.code for check in stale(basis(**changes), FreshnessRules())]


def test_the_plan_of_the_evening_on_its_own_close_is_fresh():
    found = basis(folds={"SPY": "2024-07"})
    assert (found.plan_age_sessions, found.data_age_sessions) == (1, 1)
    # 1, 2, 3 and 5 July: the fourth is a holiday.
    assert found.model_age_sessions == 4
    assert len(found.quotes) >= 2
    assert codes(folds={"SPY": "2024-07"}) == []


def test_what_is_of_the_session_before_is_stale():
    assert codes(planned_on=WEDNESDAY) == ["STALE_PLAN"]
    assert codes(closed_on=WEDNESDAY) == ["STALE_DATA"]


def test_a_ticker_without_a_close_has_no_price_to_compare():
    assert codes(ticker="QQQ") == ["STALE_DATA", "PRICE_MOVED"]


def test_a_model_of_months_ago_or_of_no_known_month_is_stale():
    assert codes(folds={"SPY": "2024-04"}) == ["STALE_MODEL"]
    assert codes(folds={}) == ["STALE_MODEL"]
    assert codes(folds=None) == []


def test_quotes_that_cross_are_named():
    assert codes(crossed=True) == ["CROSSED_QUOTE"]
