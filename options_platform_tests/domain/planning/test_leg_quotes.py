"""What a plan's legs are quoted at: the stored chain of the day where there is one."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest_study.baselines import always
from options_platform.domain.chain import ChainRules, TermStructure, Underlying, quote
from options_platform.domain.chain.term_structure import row_term
from options_platform.domain.planning.liquidity import LiquidityRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.risk.short_margin import UndefinedRiskRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.trading.fill_prices import AT_MID, MarketClose, net_price
from options_platform.domain.trading.orders import OrderLeg
from options_platform.testing.plan_rows import BATCH
from options_platform.testing.synthetic_chains import synthetic_chain

RULES = PlanRules(
    selection=SelectionRules(iron_condor_enabled=True),
    sizing=SizingRules(account_value_usd=1_000_000.0),
)
SOME = BATCH.head(120)
LATE = date(2030, 1, 18)


def chains(rows, rules=RULES, index_factor=1.0, expiries=None):
    """A chain of each row, real by name, on the synthetic surface of another index."""
    made = {}
    listed = sorted(build_plans(rows, rules)[0]["expiry"].drop_nulls().unique())
    for row in rows.iter_rows(named=True):
        near = [end for end in expiries or listed if end > row["date"]][:8] or [LATE]
        chain = synthetic_chain(
            row["date"], row["ticker"], row["close"], index_factor * row["iv_close"] / 100.0,
            near, rules.chain,
        )  # fmt: skip
        quotes = chain.quotes.with_columns(volume=500.0, open_interest=1000.0)
        fields = vars(chain) | {"source": "real", "quotes": quotes}
        made[row["date"], row["ticker"]] = type(chain)(**fields)
    return lambda day, ticker: made.get((day, ticker))


@pytest.fixture(scope="module")
def both():
    synthetic, synthetic_legs = build_plans(SOME, RULES)
    real, real_legs = build_plans(SOME, RULES, chains(SOME))
    return SimpleNamespace(
        synthetic=synthetic, synthetic_legs=synthetic_legs, real=real, real_legs=real_legs
    )


def test_a_stored_chain_that_equals_the_synthetic_one_gives_the_same_trades(both):
    shared = both.synthetic.filter(pl.col("decision") == "trade").join(
        both.real, on=["date", "ticker"], suffix="_real"
    )
    same = shared.filter(pl.col("expiry") == pl.col("expiry_real"))
    assert same.height > 20
    assert same["chain_source"].unique().to_list() == ["synthetic"]
    assert same["chain_source_real"].unique().to_list() == ["real"]
    # Real anchors need a bid, so the cheapest options are passed over for dearer ones.
    anchored = same.filter(pl.col("net_delta") == pl.col("net_delta_real"))
    assert anchored.height > 0.9 * same.height
    for name in ("strategy", "contracts", "width", "limit_price", "max_loss_usd", "net_vega"):
        assert anchored[name].to_list() == anchored[f"{name}_real"].to_list()


def test_a_plan_on_a_real_chain_has_no_error_of_the_surface_traded_or_refused():
    rows = SOME.with_columns(iv_symbol=pl.lit("VIX"))
    rules = replace(RULES, sizing=SizingRules(account_value_usd=20_000.0))
    synthetic, _ = build_plans(rows, rules)
    real, _ = build_plans(rows, rules, chains(SOME))
    priced = synthetic["reasons"].list.first().is_in(["RISK_BUDGET", "BAD_QUOTE", "ILLIQUID"])
    priced |= synthetic["decision"] == "trade"
    assert 10 < priced.sum() < priced.len()
    assert synthetic["vol_error"].null_count() == 0
    assert real.filter(priced)["vol_error"].null_count() == priced.sum()
    assert real.filter(~priced)["vol_error"].equals(synthetic.filter(~priced)["vol_error"])


def test_each_row_rests_on_its_own_chain_alone():
    of = chains(SOME)
    some = set(SOME["date"].to_list()[::3])
    mixed, _ = build_plans(SOME, RULES, lambda d, t: of(d, t) if d in some else None)
    whole, _ = build_plans(SOME, RULES, of)
    none, _ = build_plans(SOME, RULES)
    inside = pl.col("date").is_in(list(some))
    assert mixed.filter(inside).equals(whole.filter(inside))
    assert mixed.filter(~inside).equals(none.filter(~inside))
    alone, _ = build_plans(SOME[3:4], RULES, of)
    assert alone.equals(whole.filter(pl.col("date") == SOME["date"][3]))


def test_another_chain_gives_other_prices_and_its_own_strikes(both):
    higher, legs = build_plans(SOME, RULES, chains(SOME, index_factor=1.6))
    trades = higher.filter(pl.col("decision") == "trade")
    assert trades["chain_source"].unique().to_list() == ["real"]
    assert not higher.equals(both.real)
    sold = legs.filter(pl.col("ticker") == "SPY").join(trades, on="plan_id", how="semi")
    assert sold.height == legs.height


def test_a_chain_without_an_expiry_in_range_gives_no_trade():
    found, _ = build_plans(SOME, RULES, chains(SOME, expiries=[LATE]))
    wanted = build_plans(SOME, RULES)[0].filter(pl.col("decision") == "trade")
    refused = found.join(wanted, on="date", how="semi")
    assert {code for codes in refused["reasons"] for code in codes} == {"NO_EXPIRY"}


def test_thin_chains_are_refused_by_their_open_interest():
    strict = PlanRules(
        selection=RULES.selection,
        sizing=RULES.sizing,
        liquidity=type(RULES.liquidity)(min_open_interest=1001.0),
    )
    found, _ = build_plans(SOME, strict, chains(SOME))
    assert found.filter(pl.col("decision") == "trade").is_empty()
    # A synthetic chain knows no open interest, which breaks no gate.
    assert build_plans(SOME, strict)[0].filter(pl.col("decision") == "trade").height > 20


@pytest.mark.parametrize("name", STRATEGIES)
def test_only_what_has_a_bound_to_its_loss_is_planned(name):
    plans, legs = always(SOME, name, RULES)
    codes = {code for codes in plans["reasons"] for code in codes}
    if STRATEGIES[name].defined_risk:
        assert "UNBOUNDED" not in codes
        assert legs.height > 0
    else:
        assert codes == {"UNBOUNDED"}
        assert legs.is_empty()


@pytest.mark.parametrize("name", ["long_straddle", "long_strangle"])
@pytest.mark.parametrize("real", [False, True])
def test_what_is_only_bought_loses_its_debit_and_gains_without_bound(name, real):
    rules = replace(RULES, selection=SelectionRules(strategy=name))
    plans, legs = build_plans(SOME, rules, chains(SOME) if real else None)
    trades = plans.filter(pl.col("decision") == "trade")
    assert trades.height > 20
    fees = 4.0 * rules.costs.fee_per_contract_usd
    each = (100.0 * pl.col("limit_price") + fees) * pl.col("contracts")
    off = trades.select((pl.col("max_loss_usd") - each).abs().max()).item()
    assert off < 1e-6
    assert trades["max_profit_usd"].null_count() == trades.height
    assert trades["width"].null_count() == trades.height
    assert legs["side"].unique().to_list() == ["buy"]


NAKED = ("short_straddle", "short_strangle")


@pytest.mark.parametrize("name", NAKED)
@pytest.mark.parametrize("real", [False, True])
def test_undefined_risk_is_planned_by_permission_on_its_capital_at_risk(name, real):
    allowed = replace(
        RULES,
        allow_undefined_risk=True,
        selection=SelectionRules(strategy=name),
        sizing=SizingRules(account_value_usd=5_000_000.0),
    )
    chain_of = chains(SOME) if real else None
    plans, legs = build_plans(SOME, allowed, chain_of)
    trades = plans.filter(pl.col("decision") == "trade")
    assert trades.height > 20
    assert trades["strategy"].unique().to_list() == [name]
    assert trades["width"].null_count() == trades.height
    assert (trades["limit_price"] < 0).all()
    assert set(legs.filter(pl.col("plan_id").is_in(trades["plan_id"].to_list()))["side"]) == {
        "sell"
    }
    # Never less than the least that a broker asks for beside the proceeds.
    each = pl.col("max_loss_usd") / (100.0 * pl.col("contracts") * pl.col("spot"))
    assert (trades.select(each).to_series() > 0.095).all()
    budget = 0.02 * 5_000_000.0
    assert (trades["max_loss_usd"] <= budget).all()
    # A larger stress needs more capital for the same legs.
    wild = replace(allowed, undefined_risk=UndefinedRiskRules(stress_move=0.5))
    wilder = build_plans(SOME, wild, chain_of)[0].filter(pl.col("decision") == "trade")
    both = trades.join(wilder, on=["date", "ticker"], suffix="_wild")
    per_spread = pl.col("max_loss_usd_wild") / pl.col("contracts_wild") > pl.col(
        "max_loss_usd"
    ) / pl.col("contracts")
    assert both.height > 0
    assert both.select(per_spread).to_series().all()


def test_the_permission_alone_changes_no_plan_of_the_matrix():
    allowed = replace(RULES, allow_undefined_risk=True)
    for before, after in zip(build_plans(SOME, RULES), build_plans(SOME, allowed), strict=True):
        assert before.equals(after)


def test_what_takes_a_permission_is_what_sells_without_cover():
    assert {name for name, own in STRATEGIES.items() if not own.defined_risk} == set(NAKED)


def test_tenors_move_prices_by_their_ratio_to_the_vix():
    rows = SOME.with_columns(
        vix9d=pl.col("vix") * 1.2, vix3m=pl.col("vix") * 1.1, vix6m=pl.lit(None, pl.Float64)
    )
    term = row_term(rows)
    assert term.days_9 == pytest.approx(rows["iv_close"].to_numpy() / 100.0 * 1.2)
    assert np.isnan(term.days_182).all()
    assert not build_plans(rows, RULES)[0].equals(build_plans(SOME, RULES)[0])
    unknown = SOME.with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in ("vix9d", "vix3m", "vix6m")
    )
    assert build_plans(unknown, RULES)[0].equals(build_plans(SOME, RULES)[0])


def test_live_prices_follow_the_same_tenors():
    legs = [OrderLeg("sell", "put", 95.0, date(2020, 2, 21)),
            OrderLeg("buy", "put", 90.0, date(2020, 2, 21))]  # fmt: skip
    day, chain = date(2020, 1, 2), ChainRules()
    plain = net_price(legs, day, MarketClose(100.0, 0.2, ticker="SPY"), chain, AT_MID)
    rising = MarketClose(100.0, 0.2, (None, 1.3, None), ticker="SPY")
    steep = net_price(legs, day, rising, chain, AT_MID)
    years = np.full(2, 50 / 365.0)
    term = TermStructure(days_93=np.full(2, 0.26))
    underlying = Underlying.of("SPY", day, np.full(2, 100.0), np.full(2, 0.2), term)
    wanted = quote(underlying, np.array([95.0, 90.0]), years, np.full(2, -1.0), chain)
    assert steep == pytest.approx(wanted.mid[1] - wanted.mid[0])
    assert steep < plain < 0


@pytest.mark.parametrize(
    ("quoted", "reason"),
    [
        ({"bid": 0.3 * pl.col("mid"), "ask": 1.7 * pl.col("mid"), "volume": 9.0}, "ILLIQUID"),
        ({"bid": pl.col("mid") - 0.04, "ask": pl.col("mid") + 0.04, "volume": 0.0}, "ILLIQUID"),
        ({"bid": pl.col("mid") + 0.1, "ask": pl.col("mid") - 0.1}, "BAD_QUOTE"),
        ({"bid": None, "ask": None}, "BAD_QUOTE"),
        ({"mid": 1.0, "bid": 0.99, "ask": 1.01}, "BAD_QUOTE"),
    ],
)
def test_a_refusal_of_quotes_has_the_reason_that_the_rules_page_gives_it(both, quoted, reason):
    rules = replace(RULES, liquidity=LiquidityRules(min_volume=1.0))
    whole = chains(SOME, rules)

    def chain_of(day, ticker):
        chain = whole(day, ticker)
        columns = {
            name: value if isinstance(value, pl.Expr) else pl.lit(value, pl.Float64)
            for name, value in quoted.items()
        }
        return type(chain)(**(vars(chain) | {"quotes": chain.quotes.with_columns(**columns)}))

    plans, _ = build_plans(SOME, rules, chain_of)
    traded = both.synthetic.filter(pl.col("decision") == "trade").select("date", "ticker")
    found = plans.join(traded, on=["date", "ticker"], how="semi")
    assert found.height > 10
    assert set(found["reasons"].list.first()) == {reason}
