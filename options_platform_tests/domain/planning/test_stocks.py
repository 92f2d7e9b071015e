"""Widths of the spreads of stocks: by their expected move, and within a share of their price."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.chain import SurfaceRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.rule_trace import rule_trace
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.planning.stocks import StockRules, is_stock
from options_platform.domain.planning.strike_settings import StrikeRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.testing.plan_rows import BATCH

PUTS = SelectionRules(strategy="bull_put_spread", veto_credit_above=1.0, veto_debit_below=-1.0)
STOCK = BATCH.with_columns(ticker=pl.lit("NVDA"))


FIXED = StockRules(width_moves=0.0)


def rules(stocks=StockRules(), strikes=StrikeRules()):  # noqa: B008 - both are frozen
    return PlanRules(PUTS, strikes, SizingRules(account_value_usd=1e7), stocks=stocks)


def test_a_ticker_is_a_stock_unless_it_is_listed_as_a_fund():
    surface = SurfaceRules()
    assert [is_stock(name, surface) for name in ("SPY", "SPX", "AAPL", "XYZ")] == [0, 0, 1, 1]
    assert not is_stock("XYZ", SurfaceRules(funds=("XYZ",)))


def test_a_stock_trades_no_width_outside_half_a_percent_to_15_percent_of_its_price():
    plans, _ = build_plans(STOCK, rules(FIXED))
    share = pl.col("width") / pl.col("spot")
    traded = plans.filter(pl.col("decision") == "trade").select(share).to_series()
    assert traded.len() > 100
    assert traded.is_between(0.005, 0.15).all()
    refused = plans.filter(pl.col("reasons").list.contains("WIDTH_RANGE"))
    assert refused.height > 10
    # 5 USD on a stock of 20 USD is a quarter of its price.
    assert refused["spot"].max() < 10.0 / 0.15 + 5.0
    free, _ = build_plans(STOCK, rules(StockRules(0.0, 0.0, float("inf"))))
    assert not free["reasons"].list.contains("WIDTH_RANGE").any()


def test_the_ledger_of_decisions_holds_the_share_that_was_refused():
    of_stock = rules(FIXED)
    plans, _ = build_plans(STOCK, of_stock)
    asked = rule_trace(STOCK, plans, of_stock).filter(rule="WIDTH_RANGE", outcome="refused")
    assert asked.height == plans.filter(pl.col("reasons").list.contains("WIDTH_RANGE")).height
    assert (asked["value"].cast(pl.Float64) > 0.15).all()


def test_a_fund_is_planned_as_without_rules_for_stocks():
    plain = build_plans(BATCH, rules(StockRules(0.0, 0.0, float("inf"))))
    for ours, theirs in zip(build_plans(BATCH, rules()), plain, strict=True):
        assert_frame_equal(ours, theirs, check_exact=True)


def test_spreads_of_stocks_scale_with_their_expected_move_and_those_of_funds_stay_fixed():
    both = pl.concat([BATCH, STOCK])
    plans, legs = build_plans(both, rules())
    by_moves, their_legs = build_plans(
        STOCK, rules(strikes=StrikeRules(width_mode="expected_move"))
    )
    of_stock = pl.col("ticker") == "NVDA"
    assert_frame_equal(plans.filter(of_stock), by_moves, check_exact=True)
    assert_frame_equal(legs.filter(of_stock), their_legs, check_exact=True)
    assert_frame_equal(plans.filter(~of_stock), build_plans(BATCH, rules())[0], check_exact=True)


def test_a_trade_of_a_stock_says_where_its_dividends_are_not_known():
    unknown = {"dividends_known": pl.lit(value=False)}
    plans, _ = build_plans(STOCK.with_columns(**unknown), rules())
    code = pl.col("reasons").list.contains("DIVIDENDS_UNKNOWN")
    assert plans.select((code == (pl.col("decision") == "trade")).all()).item()
    assert plans.filter(code).height > 100
    known = STOCK.with_columns(dividends_known=pl.lit(value=True))
    for rows in (known, STOCK, BATCH.with_columns(**unknown)):
        assert not build_plans(rows, rules())[0].select(code.any()).item()
    # The flag names no other trade.
    assert build_plans(known, rules())[0]["plan_id"].equals(plans["plan_id"])


def test_a_ladder_in_usd_is_refused_on_a_stock_of_which_half_a_move_is_too_wide():
    """Widths of the premium ladder are in USD, so that a stock has half an expected move."""
    ladder = StrikeRules(width_usd=dict.fromkeys(REGIMES, 25.0))
    far = SelectionRules(
        strategy="bull_put_spread", veto_credit_above=1.0, veto_debit_below=-1.0,
        min_dte=35, max_dte=60, base_dte=dict.fromkeys(REGIMES, 45), dte_shift=0,
    )  # fmt: skip
    sized = SizingRules(account_value_usd=1e7)
    for vol, is_refused in ((60.0, False), (110.0, True)):
        wild = STOCK.with_columns(iv_close=pl.lit(vol), close=pl.lit(200.0))
        plans, _ = build_plans(wild, PlanRules(far, ladder, sized))
        assert plans["reasons"].list.contains("WIDTH_RANGE").any() == is_refused
        assert plans["decision"].is_in(["trade"]).any() != is_refused


def test_a_width_that_scales_already_is_that_of_stocks_too():
    percent = StrikeRules(width_mode="percent")
    assert StockRules(0.5).strikes(percent) == percent


@pytest.mark.parametrize("wrong", [{"width_moves": -1.0}, {"min_width_share": 0.2}])
def test_widths_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="width"):
        StockRules(**wrong)
