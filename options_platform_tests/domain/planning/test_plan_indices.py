"""Every plan, traded or refused, names its volatility index and the error of its prices."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.market.index_series import iv_basis
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.testing.plan_rows import BATCH, one

RULES = PlanRules(selection=SelectionRules(iron_condor_enabled=True))
COLUMNS = ("iv_symbol", "iv_basis", "vol_error")


def named(rows, symbol):
    return rows.with_columns(iv_symbol=pl.lit(symbol, pl.String))


@pytest.mark.parametrize("symbol", ["VIX", "VXN", "CHAIN:SPY"])
def test_every_row_names_its_index_and_basis(symbol):
    plans, _ = build_plans(named(BATCH, symbol), RULES)
    assert set(plans["decision"]) == {"trade", "no_trade"}
    assert set(plans["iv_symbol"]) == {symbol}
    assert set(plans["iv_basis"]) == {iv_basis("SPY", symbol)}
    # What SPY's prices on the index of the Nasdaq are worth was never measured.
    assert plans["vol_error"].null_count() == (plans.height if symbol == "VXN" else 0)


def test_the_error_of_a_trade_is_that_of_its_expiry():
    plan = build_plans(named(one(), "VIX"), RULES)[0].row(0, named=True)
    assert (plan["decision"], plan["iv_basis"]) == ("trade", "own")
    near = build_plans(
        named(one(), "VIX"), PlanRules(selection=SelectionRules(base_dte={"low_vol": 15}))
    )[0].row(0, named=True)
    assert plan["dte"] > 21 >= near["dte"]
    assert plan["vol_error"] < near["vol_error"]


def test_a_refused_plan_has_the_error_of_the_expiry_that_was_asked_for():
    poor = PlanRules(sizing=SizingRules(account_value_usd=100.0))
    refused = build_plans(named(one(), "VIX"), poor)[0].row(0, named=True)
    unsure = build_plans(named(one(regime=None), "VIX"), RULES)[0].row(0, named=True)
    assert refused["decision"] == unsure["decision"] == "no_trade"
    assert 0 < refused["vol_error"] <= unsure["vol_error"]


@pytest.mark.parametrize(("ticker", "error"), [("QQQ", 5.9), ("NVDA", 27.7), ("MSFT", None)])
def test_a_ticker_without_its_own_index_says_so(ticker, error):
    rows = named(one(), "VIX").with_columns(ticker=pl.lit(ticker))
    plan = build_plans(rows, RULES)[0].row(0, named=True)
    assert (plan["iv_symbol"], plan["iv_basis"], plan["vol_error"]) == ("VIX", "market", error)


def test_rows_of_a_former_version_have_none():
    plans, _ = build_plans(BATCH, RULES)
    assert plans.select(COLUMNS).null_count().row(0) == (BATCH.height,) * 3


@given(rows=st.lists(st.integers(0, BATCH.height - 1), min_size=1, max_size=6, unique=True))
@settings(deadline=None, max_examples=10)
def test_a_row_has_the_same_index_and_error_in_any_batch(rows):
    plans, _ = build_plans(named(BATCH, "VXN"), RULES)
    some, _ = build_plans(named(BATCH[sorted(rows)], "VXN"), RULES)
    assert some.select(COLUMNS).equals(plans[sorted(rows)].select(COLUMNS))
