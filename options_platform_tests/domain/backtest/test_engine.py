from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest import BacktestRules, run_backtest
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.risk import KillSwitchRules, RiskRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.domain.trading.exits.expiry_policy import ExpiryRules
from options_platform.domain.trading.fill_prices import FillRules
from options_platform.domain.trading.orders import LadderRules
from options_platform.errors import IncompleteDataError
from options_platform_tests.domain.backtest.bull_puts import (
    BULL_PUT,
    EXPIRY,
    FLAT_PRICES,
    HELD,
    bull_put,
    run,
)
from options_platform_tests.domain.backtest.small import (
    DAYS,
    market,
    plan,
    together,
)
from options_platform_tests.domain.backtest.test_assignment import NO_OTHER_EXIT


def test_a_plan_fills_in_the_next_session_and_settles_at_expiry():
    result = run(bull_put())
    trade = result.trades.row(0, named=True)
    assert (trade["planned_on"], trade["opened_on"]) == (DAYS[0], DAYS[1])
    assert (trade["closed_on"], trade["exit_reason"]) == (EXPIRY, "EXPIRY")
    # Both puts expire out of the money, so the whole credit is kept.
    assert trade["exit_price"] == 0.0
    assert trade["pnl_usd"] == pytest.approx(-100 * trade["entry_price"])
    assert result.fills.filter(pl.col("action") == "settle")["price"].to_list() == [0.0, 0.0]


def test_an_expiry_on_an_unscheduled_closure_settles_on_the_last_session_before_it():
    days = sessions(date(2018, 11, 20), date(2018, 12, 14))
    expiry = date(2018, 12, 5)
    legs = [("sell", "put", 95.0, expiry), ("buy", "put", 90.0, expiry)]
    planned = plan(days[0], legs, price=-0.5, loss=4.5, profit=0.5)
    closes = [100.0 if day < date(2018, 12, 4) else 93.0 for day in days]
    result = run(planned, closes, rules=replace(HELD, costs=CostRules(0.65)), days=days)
    trade = result.trades.row(0, named=True)
    assert (trade["closed_on"], trade["exit_reason"]) == (date(2018, 12, 4), "EXPIRY")
    assert trade["exit_price"] == pytest.approx(-2.0)
    assert trade["fees_usd"] == pytest.approx(2 * 0.65)


def test_a_loss_at_expiry_is_the_width_less_the_credit():
    closes = [100.0] * 20 + [80.0] * (len(DAYS) - 20)
    trade = run(bull_put(), closes).trades.row(0, named=True)
    assert trade["exit_price"] == pytest.approx(-5.0)
    assert trade["pnl_usd"] == pytest.approx(-100 * (5.0 + trade["entry_price"]))
    assert trade["pnl_usd"] == pytest.approx(-trade["max_loss_usd"])


def test_fees_are_charged_per_leg_and_side_but_not_on_expired_legs():
    rules = replace(HELD, costs=CostRules(0.65))
    trade = run(bull_put(contracts=3), rules=rules).trades.row(0, named=True)
    assert trade["fees_usd"] == pytest.approx(0.65 * 2 * 3)
    closed = replace(rules, exits=ExitRules())
    trade = run(bull_put(contracts=3), rules=closed).trades.row(0, named=True)
    assert trade["fees_usd"] == pytest.approx(2 * 0.65 * 2 * 3)


def test_an_exit_fills_in_the_session_after_its_decision():
    closes = [100.0] * 10 + [89.0] + [100.0] * (len(DAYS) - 11)
    trade = run(bull_put(), closes, replace(HELD, exits=ExitRules())).trades.row(0, named=True)
    assert trade["exit_reason"] == "STOP_LOSS"
    assert trade["closed_on"] == DAYS[11]
    # The price has recovered by the time the stop's order fills.
    assert trade["exit_price"] > -2.0


def test_exits_free_limits_for_entries_decided_in_the_same_session():
    rules = replace(HELD, exits=ExitRules(), risk=replace(RiskRules.unlimited(), max_positions=1))
    closes = [100.0] * 10 + [89.0] + [100.0] * (len(DAYS) - 11)
    planned = together(bull_put(), bull_put(DAYS[10]), bull_put(DAYS[11]))
    result = run(planned, closes, rules)
    assert result.trades["planned_on"].to_list() == [DAYS[0], DAYS[11]]
    assert result.refusals.row(0, named=True) | {"session": None} == {
        "session": None, "plan_id": f"{DAYS[10]}-SPY-0", "ticker": "SPY",
        "rule": "MAX_POSITIONS", "value": 2.0, "threshold": 1.0,
    }  # fmt: skip


def test_buying_power_must_cover_the_maximum_losses_of_all_positions():
    rules = replace(HELD, start_usd=800.0, buying_power=True)
    planned = together(bull_put(number=1), bull_put(number=2))
    result = run(planned, rules=rules)
    assert result.trades.height == 1
    assert result.refusals["rule"].to_list() == ["BUYING_POWER"]
    assert result.equity["buying_power_usd"].min() > 0


def test_a_tripped_kill_switch_halts_entries_for_the_configured_sessions():
    risk = replace(RiskRules.unlimited(), kill_switch=KillSwitchRules(max_daily_loss_pct=0.03))
    rules = replace(HELD, start_usd=2000.0, risk=risk, resume_after_sessions=21)
    closes = [100.0] * 10 + [89.0] * (len(DAYS) - 10)
    planned = together(bull_put(), *(bull_put(DAYS[n], number=n) for n in (10, 30, 31)))
    result = run(planned, closes, rules)
    halted = result.refusals.filter(pl.col("rule") == "HALTED")
    assert halted["plan_id"].to_list() == [f"{DAYS[10]}-SPY-10", f"{DAYS[30]}-SPY-30"]
    refused = halted.row(0, named=True)
    assert refused["value"] > refused["threshold"] == pytest.approx(0.03 * 2000, rel=0.05)
    never = run(planned, closes, replace(rules, resume_after_sessions=None))
    assert never.refusals["rule"].to_list() == ["HALTED"] * 3


def test_a_limit_order_fills_at_the_planned_price_or_better_or_not_at_all():
    rules = replace(HELD, entry_order="limit")
    greedy, modest = bull_put(price=-2.0), bull_put(price=-0.1)
    assert run(greedy, rules=rules).refusals["rule"].to_list() == ["LIMIT_NOT_REACHED"]
    assert run(modest, rules=rules).trades.height == 1


def test_a_fill_without_possible_profit_is_refused():
    closes = [100.0] + [80.0] * (len(DAYS) - 1)
    # The spread trades at its full width, so nothing can be lost beyond the credit.
    result = run(bull_put(price=-0.2, loss=0.3, profit=0.2), closes)
    assert result.trades.is_empty()
    assert result.refusals["rule"].to_list() == ["BAD_FILL"]


def test_cash_earns_the_previous_sessions_yield_and_a_stale_yield_is_flagged():
    yields = pl.DataFrame({"date": [date(2023, 12, 1), DAYS[0]], "yield_pct": [0.0, 3.65]})
    result = run_backtest(
        *bull_put(), market({"SPY": FLAT_PRICES}, yields=yields), replace(HELD, start_usd=1e6)
    )
    equity = result.equity
    # One calendar day at 3.65% a year earns 1 / 10,000.
    assert equity["interest_usd"][1] == pytest.approx(100.0)
    friday = DAYS.index(date(2024, 1, 5))
    assert equity["interest_usd"][friday + 1] == pytest.approx(
        3e-4 * equity["cash_usd"][friday], abs=0.01
    )
    assert not equity["yield_stale"][5]
    assert equity["yield_stale"][-1]


def test_a_missing_session_carries_the_mark_forward_as_stale_without_trading():
    closes = [100.0] * 10 + [89.0, None] + [100.0] * (len(DAYS) - 12)
    result = run(bull_put(), closes, replace(HELD, exits=ExitRules()))
    marks = result.marks.filter(pl.col("stale"))
    assert marks["session"].to_list() == [DAYS[11]]
    before = result.marks.filter(pl.col("session") == DAYS[10])["mark_price"]
    assert marks["mark_price"].to_list() == before.to_list()
    # The stop order waits for the next session with data.
    assert result.trades["closed_on"].to_list() == [DAYS[12]]
    late = run(bull_put(DAYS[10]), closes)
    assert late.refusals["rule"].to_list() == ["NO_MARKET"]


def test_a_delisted_ticker_is_settled_at_its_last_value():
    closes = [100.0] * 10 + [92.0] + [None] * (len(DAYS) - 11)
    result = run(bull_put(), closes)
    trade = result.trades.row(0, named=True)
    assert (trade["exit_reason"], trade["closed_on"]) == ("NO_MARKET", EXPIRY)
    last = result.marks.filter(pl.col("session") == DAYS[10])["mark_price"][0]
    assert trade["exit_price"] == pytest.approx(last)
    assert trade["exit_price"] < -1.0


def test_a_session_without_a_volatility_index_counts_as_missing():
    index = [20.0] * 10 + [None] * 2 + [20.0] * (len(DAYS) - 12)
    result = run(bull_put(), index=index)
    assert result.marks.filter(pl.col("stale"))["session"].to_list() == DAYS[10:12]
    assert result.trades["exit_reason"].to_list() == ["EXPIRY"]


def test_a_split_between_entry_and_expiry_changes_marks_by_the_rounding_of_quotes_alone():
    wave = [100.0 + 3 * np.sin(n) for n in range(len(DAYS))]
    whole = run(bull_put(), wave, HELD)
    # The same market stored after a later 4:1 split: adjusted closes, split factor 4 before it.
    closes = [value / 4 for value in wave]
    factors = [4.0] * 20 + [1.0] * (len(DAYS) - 20)
    split = run(bull_put(), closes, HELD, factors=factors)
    assert split.trades.drop("other_usd").equals(whole.trades.drop("other_usd"))
    before = pl.col("session") < DAYS[20]
    assert split.equity.filter(before).equals(whole.equity.filter(before))
    # Two legs; quotes are rounded to the cent, once of one contract and once of four small ones.
    off = (split.equity["equity_usd"] - whole.equity["equity_usd"]).abs()
    assert off.max() <= 2 * 100 * 0.005 * (1 + 4)
    assert off[-1] == 0.0


def test_a_calendar_is_closed_when_its_first_leg_expires():
    near = date(2024, 1, 19)
    legs = [("buy", "call", 100.0, EXPIRY), ("sell", "call", 100.0, near)]
    rules = replace(HELD, costs=CostRules(0.65))
    result = run(plan(DAYS[0], legs, price=1.5, loss=1.5, profit=3.0), rules=rules)
    trade = result.trades.row(0, named=True)
    assert (trade["closed_on"], trade["exit_reason"]) == (near, "EXPIRY")
    assert trade["exit_price"] > 1.5
    # Two legs were opened and one was closed; the other expired without a fee.
    assert result.fills["action"].to_list() == ["open", "open", "close", "settle"]
    assert trade["fees_usd"] == pytest.approx(0.65 * 3)


def test_by_default_a_position_is_closed_in_the_last_session_before_expiry():
    rules = replace(HELD, exits=NO_OTHER_EXIT)
    result = run(bull_put(), rules=rules)
    trade = result.trades.row(0, named=True)
    assert (trade["exit_reason"], trade["closed_on"]) == ("EXPIRY_NEAR", shift(EXPIRY, -1))
    assert not rules.holds_to_expiry
    assert result.held_to_expiry == 0


def test_a_position_held_to_expiry_settles_and_the_result_counts_it():
    rules = replace(HELD, exits=NO_OTHER_EXIT, expiry=ExpiryRules(hold_to_expiry=True))
    result = run(bull_put(), rules=rules)
    trade = result.trades.row(0, named=True)
    assert (trade["exit_reason"], trade["closed_on"]) == ("EXPIRY", EXPIRY)
    assert rules.holds_to_expiry
    assert HELD.holds_to_expiry
    assert result.held_to_expiry == run(bull_put()).held_to_expiry == 1


def test_a_position_near_expiry_is_closed_even_if_the_deciding_session_has_no_bar():
    closes = list(FLAT_PRICES)
    closes[DAYS.index(EXPIRY) - 2] = None
    trade = run(bull_put(), closes, replace(HELD, exits=NO_OTHER_EXIT)).trades.row(0, named=True)
    assert (trade["exit_reason"], trade["closed_on"]) == ("EXPIRY_NEAR", shift(EXPIRY, -1))


def test_an_entry_too_close_to_expiry_is_refused_unless_it_may_be_held_to_expiry():
    rules = replace(HELD, exits=NO_OTHER_EXIT)
    near = [(side, right, strike + 5.0, DAYS[3]) for side, right, strike, _ in BULL_PUT]
    late, in_time = (
        plan(DAYS[0], legs, price=-0.1, loss=4.9, profit=0.1)
        for legs in ([(*leg[:3], DAYS[2]) for leg in near], near)
    )
    assert run(late, rules=rules).refusals["rule"].to_list() == ["EXPIRY_NEAR"]
    assert run(late).refusals.is_empty()
    result = run(in_time, rules=rules)
    assert result.trades["closed_on"].to_list() == [DAYS[2]]


def sized_plans(*days, **changes):
    """Plans of five spreads with 450 USD at risk each: 2.25% of 100,000 USD."""
    planned = [bull_put(day, contracts=5, number=n, **changes) for n, day in enumerate(days)]
    plans, legs = together(*planned)
    return plans.with_columns(confidence=1.0, regime=pl.lit("low_vol")), legs


SIZED = replace(
    HELD, start_usd=100_000.0, sizing=SizingRules(account_value_usd=100_000.0, risk_pct=0.0225),
    ladder=LadderRules(entry_concession=0.0),
)  # fmt: skip


def test_sizes_follow_the_equity_once_it_is_below_the_configured_value():
    closes = [100.0] * 10 + [80.0] * (len(DAYS) - 10)
    result = run(sized_plans(DAYS[0], DAYS[12]), closes, SIZED)
    # The first trade loses about 2,000 of 100,000 USD, which reduces the second from five to four.
    assert result.trades["contracts"].to_list() == [5, 4]
    whole = run(sized_plans(DAYS[0], DAYS[12]), closes, replace(SIZED, sizing=None))
    assert whole.trades["contracts"].to_list() == [5, 5]


def test_an_equity_too_small_for_one_spread_refuses_it_with_both_numbers():
    rules = replace(SIZED, start_usd=15_000.0)
    refused = run(sized_plans(DAYS[0]), rules=rules).refusals.row(0, named=True)
    assert (refused["rule"], refused["value"]) == ("RISK_BUDGET", 450.0)
    assert refused["threshold"] == pytest.approx(0.0225 * 15_000)


def test_an_entry_keeps_the_scale_of_its_volatility_target():
    plans, legs = sized_plans(DAYS[0])
    # Of a budget of 2,250 USD, 0.7 are 1,575: three spreads that lose 450.
    scaled = run((plans.with_columns(vol_scale=pl.lit(0.7)), legs), rules=SIZED)
    assert scaled.trades["contracts"].to_list() == [3]
    assert run((plans, legs), rules=SIZED).trades["contracts"].to_list() == [5]


GREEDY = {"price": -0.8, "loss": 4.2, "profit": 0.8}
"""A plan for 0.80 (420 USD at risk a spread) whose fill brings 0.69 (431 USD)."""


def test_no_fill_can_lose_more_than_the_cap_and_its_size_follows_the_price_of_the_fill():
    sizing, ladder = replace(SIZED.sizing, risk_pct=0.0214), LadderRules()
    # All five fit at the last rung, 0.74, and four at the fill beyond it.
    rules = replace(SIZED, sizing=sizing, ladder=ladder)
    whole = run(sized_plans(DAYS[0], **GREEDY), rules=replace(rules, sizing=None))
    assert whole.trades["max_loss_usd"].to_list() == pytest.approx([5 * 431.0])
    result = run(sized_plans(DAYS[0], **GREEDY), rules=rules)
    assert result.trades["contracts"].to_list() == [4]
    assert result.trades["max_loss_usd"].to_list() == pytest.approx([4 * 431.0])


def test_a_fill_beyond_the_cap_is_refused_with_both_numbers():
    rules = replace(SIZED, sizing=replace(SIZED.sizing, risk_pct=0.0043), ladder=LadderRules())
    result = run(sized_plans(DAYS[0], **GREEDY), rules=rules)
    assert result.trades.is_empty()
    (refused,) = result.refusals.rows(named=True)
    assert (refused["session"], refused["rule"]) == (DAYS[1], "RISK_BUDGET")
    assert (refused["value"], refused["threshold"]) == pytest.approx((431.0, 430.0))


CHEAP = {"price": -0.6, "loss": 4.4, "profit": 0.6}
"""A plan for 0.60 (440 USD at risk a spread, 444 at the last rung of 0.56) that fills at 0.69."""


def test_an_entry_is_counted_at_the_last_rung_of_its_ladder_although_it_fills_at_a_better_price():
    rules = replace(SIZED, sizing=replace(SIZED.sizing, risk_pct=0.022), ladder=LadderRules())

    def contracts(**changes):
        result = run(sized_plans(DAYS[0], **CHEAP), rules=replace(rules, **changes))
        assert result.trades["entry_price"].to_list() == pytest.approx([-0.69])
        return result.trades["contracts"].to_list()

    assert contracts() == [4]
    # A concession of 1% leaves 0.594, and no cent.
    for ladder in ({"entry_concession": 0.01}, {"rungs": 1}):
        assert contracts(ladder=LadderRules(**ladder)) == [5]


def test_a_limit_entry_does_not_climb_and_is_counted_at_its_planned_price():
    sizing, ladder = replace(SIZED.sizing, risk_pct=0.022), LadderRules()
    rules = replace(SIZED, sizing=sizing, ladder=ladder, entry_order="limit")
    assert run(sized_plans(DAYS[0], **CHEAP), rules=rules).trades["contracts"].to_list() == [5]


def test_a_single_spread_that_fits_at_the_plans_price_alone_is_kept_up_to_the_cap():
    sizing = replace(SIZED.sizing, risk_pct=0.0044)
    rules = replace(SIZED, sizing=sizing, ladder=LadderRules())
    assert run(sized_plans(DAYS[0], **CHEAP), rules=rules).trades["contracts"].to_list() == [1]
    none = replace(rules, sizing=replace(sizing, at_least_one=False))
    refused = run(sized_plans(DAYS[0], **CHEAP), rules=none).refusals.row(0, named=True)
    assert (refused["session"], refused["rule"]) == (DAYS[0], "RISK_BUDGET")
    assert (refused["value"], refused["threshold"]) == pytest.approx((444.0, 440.0))


def test_ratios_of_a_plan_climb_as_the_order_in_lowest_terms_does():
    plans, legs = sized_plans(DAYS[0], price=-1.2, loss=8.8, profit=1.2)
    legs = legs.with_columns(ratio=pl.lit(2, legs.schema["ratio"]))
    # Two spreads that climb from 0.60 to 0.56 each cost 8 USD; at one price, to 1.11, 9 USD.
    sizing = replace(SIZED.sizing, risk_pct=5 * 0.00888)
    rules = replace(SIZED, sizing=sizing, ladder=LadderRules())
    assert run((plans, legs), rules=rules).trades["contracts"].to_list() == [5]


def test_percentage_limits_use_the_smaller_of_configured_value_and_equity():
    risk = replace(RiskRules.unlimited(), max_trade_risk_pct=0.0225)
    rules = replace(HELD, start_usd=100_000.0, risk=risk)
    closes = [100.0] * 10 + [80.0] * (len(DAYS) - 10)
    result = run(sized_plans(DAYS[0], DAYS[12]), closes, rules)
    assert result.trades["planned_on"].to_list() == [DAYS[0]]
    refused = result.refusals.row(0, named=True)
    assert (refused["rule"], refused["value"]) == ("MAX_TRADE_RISK", 2250.0)
    equity = result.equity.filter(pl.col("session") == DAYS[12])["equity_usd"][0]
    assert refused["threshold"] == pytest.approx(0.0225 * equity)


def test_a_position_open_at_the_end_is_valued_at_its_mark():
    result = run(bull_put(DAYS[-10]), days=DAYS[: DAYS.index(date(2024, 2, 5)) + 1])
    assert result.trades.is_empty()  # the plan is after the end of the data
    short = run(bull_put(), days=DAYS[:10])
    trade = short.trades.row(0, named=True)
    assert trade["closed_on"] is None
    assert trade["exit_reason"] is None
    assert short.equity["open_positions"][-1] == 1


def test_the_attributed_parts_of_a_profit_add_up_to_it():
    closes = [100 * 1.002 ** (n % 7) for n in range(len(DAYS))]
    index = [18.0 + (n % 5) for n in range(len(DAYS))]
    rules = BacktestRules(exits=None, fills=FillRules("worst"))
    trade = run(bull_put(), closes, rules, index=index).trades.row(0, named=True)
    parts = sum(trade[f"{name}_usd"] for name in ("delta", "gamma", "theta", "vega", "other"))
    assert parts == pytest.approx(trade["pnl_usd"] + trade["fees_usd"] + trade["slippage_usd"])
    assert trade["theta_usd"] > 0
    assert trade["slippage_usd"] > 0


def test_a_market_without_trades_is_flat_cash():
    empty = bull_put()
    result = run((empty[0].clear(), empty[1].clear()))
    assert result.trades.is_empty()
    assert result.equity["equity_usd"].unique().to_list() == [1e9]


def test_a_trade_without_legs_or_bars_is_refused_by_name():
    plans, legs = bull_put()
    with pytest.raises(IncompleteDataError, match="have no legs, the first is 2024-01-02-SPY-0"):
        run((plans, legs.clear()))
    with pytest.raises(IncompleteDataError, match="plans for SPY and no bars"):
        run_backtest(plans, legs, market({"QQQ": FLAT_PRICES}), HELD)


def test_an_entry_that_would_fill_at_or_after_expiry_is_refused():
    tomorrow = [("sell", "put", 95.0, DAYS[1]), ("buy", "put", 90.0, DAYS[1])]
    result = run(plan(DAYS[0], tomorrow, price=-0.1, loss=4.9, profit=0.1))
    assert result.trades.is_empty()
    assert result.refusals["rule"].to_list() == ["EXPIRED"]
