from datetime import date

import polars as pl
import pytest

from options_platform.contracts import OPTION_CHAIN
from options_platform.domain.checks.chains import chain_rules, chains_missing, good_shares, merged
from options_platform.domain.checks.tables import ExpectedPartitions, Finding
from options_platform_tests.adapters.storage.test_chain_store import DAYS, chain

ASKED = ExpectedPartitions(DAYS, ("SPY",), {"SPY": DAYS[0]})
CHAIN = chain()


def find(name, frame):
    rule = {rule.name: rule for rule in chain_rules(0.5)}[name]
    return rule.find(OPTION_CHAIN, frame, ASKED)


@pytest.mark.parametrize("rule", [rule.name for rule in chain_rules(0.5)])
def test_a_sound_chain_passes_each_rule(rule):
    assert find(rule, CHAIN).passed


def test_contract_rules_block_and_quality_rules_only_warn():
    blocking = {rule.name: rule.blocking for rule in chain_rules(0.5)}
    assert blocking == {
        "schema": True,
        "keys_unique": True,
        "nulls": True,
        "ranges": True,
        "good_share": False,
        "source_iv": False,
        "source_units": False,
    }


def test_a_chain_of_mostly_bad_quotes_is_reported():
    worse = CHAIN.with_columns(
        quality=pl.when(pl.int_range(pl.len()) % 3 > 0)
        .then(pl.lit("WIDE"))
        .otherwise(pl.col("quality"))
    )
    finding = find("good_share", worse)
    assert finding.broken == 1
    assert finding.examples[0].startswith(f"{DAYS[0]} SPY ")


def test_minis_and_expired_contracts_do_not_count_against_a_chain():
    half = pl.int_range(pl.len()) % 2 > 0
    minis = CHAIN.with_columns(
        quality=pl.when(half).then(pl.lit("NONSTANDARD")).otherwise(pl.col("quality"))
    )
    assert find("good_share", minis).passed
    shares = good_shares(minis).row(0, named=True)
    assert shares["contracts"] == CHAIN.height
    assert shares["share"] == pytest.approx(shares["good"] / (CHAIN.height / 2), rel=1e-12)


@pytest.mark.parametrize("nothing", [1e-5, 1e-7, 0.0, 9.5])
def test_a_source_volatility_at_a_solver_bound_is_reported(nothing):
    """Yahoo reports 1e-5, LEAN 0 and 1e-7."""
    symbol = CHAIN.filter(pl.col("quality").is_null())["contract_symbol"][0]
    at = pl.col("contract_symbol") == symbol
    rows = CHAIN.with_columns(
        source_iv=pl.when(at).then(pl.lit(nothing)).otherwise(pl.col("source_iv"))
    )
    finding = find("source_iv", rows)
    assert finding.broken == 1
    assert symbol in finding.examples[0]


def test_annual_theta_and_vega_per_unit_are_reported():
    """The SPX samples of 2014 to 2017 have theta per year, with the opposite sign."""
    same_units = CHAIN.with_columns(source_theta=pl.col("theta"), source_vega=pl.col("vega"))
    assert find("source_units", same_units).passed
    yearly = same_units.with_columns(source_theta=-365.0 * pl.col("theta"))
    finding = find("source_units", yearly)
    assert finding.broken == 1
    assert "theta is -365 times ours" in finding.examples[0]
    whole = same_units.with_columns(source_vega=100.0 * pl.col("vega"))
    assert "vega is 100 times ours" in find("source_units", whole).examples[0]


def test_an_unknown_quality_gate_is_reported():
    rows = CHAIN.with_columns(quality=pl.lit("ODD"))
    assert find("ranges", rows).broken == CHAIN.height


def test_sessions_without_a_chain_are_reported_from_the_first_bar_on():
    expected = ExpectedPartitions(
        [date(2024, 5, 31), *DAYS], ("SPY", "QQQ", "IWM"), {"SPY": DAYS[0], "QQQ": DAYS[1]}
    )
    finding = chains_missing([(DAYS[0], "SPY"), (DAYS[1], "QQQ")], expected)
    assert finding == Finding(1, (f"{DAYS[1]} SPY",))


def test_findings_of_batches_add_up():
    assert merged([Finding(2, ("a", "b")), Finding(0), Finding(5, tuple("cdefg"))]) == Finding(
        7, tuple("abcde")[:2] + tuple("cde")
    )
