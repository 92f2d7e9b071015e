"""Each rule of the asset checks passes on good rows and detects one wrong row among them."""

from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.contracts import DIRECTION_MODEL, LABELS, RAW_OHLCV, TRADE_PLAN, VIX
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.checks.tables import SHOWN, ExpectedPartitions, rules_for
from options_platform.domain.planning.plan import build_plans
from options_platform.testing.market import random_market
from options_platform.testing.plan_rows import BATCH
from options_platform_tests.domain.planning.test_plan import CONDORS
from options_platform_tests.models.rows import random_rows

BARS, INDEX = random_market()
DAY = date(2016, 3, 17)
WEEK = sessions(date(2016, 3, 14), date(2016, 3, 18))
STILL = sessions(date(2016, 4, 1), date(2016, 4, 29))
HERE = (pl.col("date") == DAY) & (pl.col("ticker") == "BBB")
PLANS = build_plans(BATCH, CONDORS)[0]
TRADE = PLANS.filter(pl.col("decision") == "trade").row(0, named=True)["date"]
NO_TRADE = PLANS.filter(pl.col("decision") == "no_trade").row(0, named=True)["date"]
PREDICTIONS = BARS.select(
    "date",
    "ticker",
    p_bearish=0.2,
    p_neutral=0.5,
    p_bullish=0.3,
    direction=pl.lit("neutral"),
    confidence=0.25,
    fold=pl.lit("2016-03"),
    model_id=pl.lit("m"),
    variant=pl.lit("blend"),
)
HONEST = {
    RAW_OHLCV: BARS,
    VIX: INDEX,
    LABELS: random_rows()[1],
    DIRECTION_MODEL: PREDICTIONS,
    TRADE_PLAN: PLANS,
}
ASKED = ExpectedPartitions(
    BARS["date"].unique().sort().to_list(), ("AAA", "BBB"), {"AAA": DAY, "BBB": DAY}
)


def expected_partitions(table):
    if table is TRADE_PLAN:
        days = PLANS["date"].to_list()
        return ExpectedPartitions(days, ("SPY",), {"SPY": days[0]})
    return ASKED


def find(table, rule, frame):
    (matching_rule,) = [candidate for candidate in rules_for(table) if candidate.name == rule]
    return matching_rule.find(table, frame, expected_partitions(table))


def set_to(value, where=HERE):
    return lambda name: (
        lambda rows: rows.with_columns(
            pl.when(where).then(value).otherwise(pl.col(name)).alias(name)
        )
    )


WRONG = [
    (RAW_OHLCV, "schema", lambda rows: rows.drop("volume")),
    (RAW_OHLCV, "schema", lambda rows: rows.with_columns(volume=pl.col("volume").cast(pl.Int64))),
    (RAW_OHLCV, "schema", lambda rows: rows.with_columns(more=pl.lit(1))),
    (RAW_OHLCV, "nulls", set_to(pl.lit(None, pl.String))("source")),
    (RAW_OHLCV, "ranges", set_to(pl.lit(float("inf")))("close")),
    (RAW_OHLCV, "ranges", set_to(-1.0)("low")),
    (RAW_OHLCV, "ohlc_order", set_to(pl.col("high") * 1.01)("close")),
    (RAW_OHLCV, "ohlc_order", set_to(pl.col("high") * 1.01)("low")),
    (RAW_OHLCV, "ohlc_order", set_to(pl.lit(None, pl.Float64))("open")),
    (RAW_OHLCV, "bad_bars", set_to(pl.lit("missing"))("bad_reason")),
    (RAW_OHLCV, "sessions_complete", lambda rows: rows.filter(~HERE)),
    (VIX, "index_known", set_to(pl.lit(None, pl.Float64))("vix")),
    (VIX, "index_of_the_day", set_to(pl.lit(1, pl.Int32))("vix_age")),
    (VIX, "sessions_complete", lambda rows: rows.filter(~HERE)),
    (LABELS, "known_after", set_to(pl.col("date"))("known_on")),
    (LABELS, "ranges", set_to(pl.lit("sideways"))("direction")),
    (DIRECTION_MODEL, "probabilities", set_to(0.21)("p_bearish")),
    (DIRECTION_MODEL, "probabilities", set_to(pl.lit(None, pl.Float64))("p_bearish")),
    (DIRECTION_MODEL, "ranges", set_to(1.5)("confidence")),
    (
        TRADE_PLAN,
        "plans_whole",
        set_to(pl.lit(None, pl.Date), pl.col("date") == TRADE)("expiry"),
    ),
    (TRADE_PLAN, "plans_whole", set_to(0, pl.col("date") == TRADE)("contracts")),
    (TRADE_PLAN, "plans_whole", set_to(0.0, pl.col("date") == TRADE)("max_loss_usd")),
    (TRADE_PLAN, "plans_whole", set_to(2, pl.col("date") == NO_TRADE)("contracts")),
    (
        TRADE_PLAN,
        "plans_whole",
        set_to(pl.lit([], pl.List(pl.String)), pl.col("date") == NO_TRADE)("reasons"),
    ),
]


@pytest.mark.parametrize("table", HONEST, ids=lambda table: table.name)
def test_good_rows_violate_no_rule(table):
    broken_by_rule = {
        rule.name: rule.find(table, HONEST[table], expected_partitions(table)).broken
        for rule in rules_for(table)
    }
    assert broken_by_rule == dict.fromkeys(broken_by_rule, 0)


@pytest.mark.parametrize(("table", "rule", "spoil"), WRONG)
def test_one_wrong_row_among_many_is_detected_and_shown(table, rule, spoil):
    finding = find(table, rule, spoil(HONEST[table]))
    assert not finding.passed
    assert finding.broken == 1
    assert len(finding.examples) == 1
    if rule != "schema" and table is not TRADE_PLAN:
        assert finding.examples[0].startswith(f"{DAY} BBB")


def test_a_duplicate_key_counts_as_two_offending_rows():
    twice = pl.concat([BARS, BARS.filter(HERE)])
    assert find(RAW_OHLCV, "keys_unique", twice).broken == 2


def test_a_hole_is_one_example_and_counts_every_session():
    holes = BARS.with_columns(
        bad_reason=pl.when((pl.col("ticker") == "BBB") & pl.col("date").is_in(WEEK)).then(
            pl.lit("missing")
        )
    )
    finding = find(RAW_OHLCV, "sessions_have_bars", holes)
    assert finding.broken == len(WEEK)
    assert finding.examples == (f"BBB {WEEK[0]} to {WEEK[-1]} ({len(WEEK)} sessions)",)


@pytest.mark.parametrize(("count", "broken"), [(5, 0), (6, 6), (7, 7)])
def test_an_index_unchanged_for_six_sessions_is_frozen(count, broken):
    frozen = (pl.col("ticker") == "BBB") & pl.col("date").is_in(STILL[:count])
    finding = find(VIX, "index_moves", set_to(17.0, frozen)("iv_close")(INDEX))
    assert finding.broken == broken


def test_every_table_rule_has_a_test_that_violates_it():
    special = {(table.name, rule.name) for table in ASSET_TABLES for rule in rules_for(table)[5:]}
    elsewhere = {(RAW_OHLCV.name, "sessions_have_bars"), (VIX.name, "index_moves")}
    assert special <= {(table.name, rule) for table, rule, _ in WRONG} | elsewhere


def test_sessions_are_expected_from_the_first_bar_on():
    days = sessions(date(2016, 3, 14), date(2016, 3, 18))
    rows = BARS.filter((pl.col("ticker") == "AAA") & pl.col("date").is_in(days))
    (complete,) = [rule for rule in rules_for(RAW_OHLCV) if rule.name == "sessions_complete"]

    def missing(tickers, **firsts):
        return complete.find(RAW_OHLCV, rows, ExpectedPartitions(days, tickers, firsts)).broken

    assert missing(("AAA",), AAA=days[0]) == 0
    assert missing(("AAA", "BBB"), AAA=days[0], BBB=days[3]) == 2
    assert missing(("AAA", "BBB"), AAA=days[0]) == 5  # without any bar all are missing


def test_only_a_few_examples_are_shown():
    finding = find(RAW_OHLCV, "bad_bars", BARS.with_columns(bad_reason=pl.lit("missing")))
    assert finding.broken == BARS.height
    assert len(finding.examples) == SHOWN
