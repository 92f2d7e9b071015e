from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.risk import (
    Exposure,
    GreekLimits,
    RiskRules,
    assess,
    exposure_of,
    refusals,
)

RULES = RiskRules()
MARCH, APRIL = date(2024, 3, 15), date(2024, 4, 19)
EXPOSURES = st.builds(
    Exposure,
    st.sampled_from(["SPY", "QQQ", "IWM", "XLE"]),
    st.floats(1, 5000),
    st.sampled_from([MARCH, APRIL]),
    st.floats(-60_000, 60_000),
    st.floats(-9_000, 9_000),
    st.floats(-500, 500),
    st.floats(-500, 500),
)
ACCOUNT = 100_000.0


def codes(entry, held, rules=RULES, account=ACCOUNT):
    return [check.code for check in refusals(entry, held, account, rules)]


def test_an_empty_account_takes_a_trade_within_its_limits():
    assert codes(Exposure("SPY", 3_000.0, MARCH), []) == []
    assert codes(Exposure("SPY", 3_000.01, MARCH), []) == ["MAX_TRADE_RISK"]


@pytest.mark.parametrize(
    ("entry", "held", "code", "value", "threshold"),
    [
        (Exposure("SPY", 2100.0, MARCH), [Exposure("SPY", 3000.0, APRIL)],
         "MAX_TICKER_RISK", 5100.0, 5000.0),
        (Exposure("XLE", 3000.0, MARCH), [Exposure("XLF", 1600.0, MARCH)] * 2,
         "MAX_EXPIRY_RISK", 6200.0, 6000.0),
        (Exposure("SPY", 2500.0, MARCH),
         [Exposure("QQQ", 3000.0, APRIL), Exposure("IWM", 2600.0, APRIL)],
         "MAX_GROUP_RISK", 8100.0, 8000.0),
    ],
)  # fmt: skip
def test_a_limit_names_the_value_that_breaks_it(entry, held, code, value, threshold):
    (broken,) = refusals(entry, held, ACCOUNT, RULES)
    assert (broken.code, broken.value, broken.threshold) == (code, value, threshold)


def test_every_limit_that_is_broken_is_named():
    held = [Exposure("SPY", 2000.0, MARCH)] * 6
    assert codes(Exposure("SPY", 1.0, MARCH), held) == [
        "MAX_POSITIONS",
        "MAX_POSITIONS_TICKER",
        "MAX_TICKER_RISK",
        "MAX_EXPIRY_RISK",
        "MAX_GROUP_RISK",
        "MAX_TOTAL_RISK",
    ]


def test_greeks_become_dollars_worked_by_hand():
    found = exposure_of(
        "SPY", 500.0, MARCH, spot=500.0, shares_delta=40.0, shares_gamma=2.0,
        vega_usd=-30.0, theta_usd=12.0,
    )  # fmt: skip
    # 40 shares at 500; 2 shares per USD over a move of 5 USD are 10 shares, 5,000 USD.
    assert (found.delta_usd, found.gamma_usd) == (20_000.0, 5_000.0)


def test_deltas_are_weighted_by_beta():
    rules = replace(RULES, betas={"QQQ": 1.25}, greeks=GreekLimits(0.5, 9.0, 9.0, 9.0))
    entry = Exposure("QQQ", 100.0, MARCH, delta_usd=40_000.0)
    assert codes(entry, [], rules) == []
    assert codes(replace(entry, delta_usd=40_001.0), [], rules) == ["MAX_DELTA"]
    assert codes(replace(entry, ticker="SPY", delta_usd=40_001.0), [], rules) == []


def test_an_entry_that_brings_greeks_nearer_to_zero_passes_an_account_beyond_its_limit():
    beyond = Exposure("SPY", 100.0, MARCH, delta_usd=150_000.0)
    hedge = Exposure("QQQ", 100.0, APRIL, delta_usd=-20_000.0)
    assert codes(hedge, [beyond]) == []
    assert codes(replace(hedge, delta_usd=1_000.0), [beyond]) == ["MAX_DELTA"]


@given(st.lists(EXPOSURES, max_size=25))
def test_no_sequence_of_accepted_entries_exceeds_a_limit(orders):
    kept = []
    for order in orders:
        if not refusals(order, kept, ACCOUNT, RULES):
            kept.append(order)
    assert len(kept) <= RULES.max_positions
    slack = 1e-3
    assert sum(e.max_loss_usd for e in kept) <= RULES.max_total_risk_pct * ACCOUNT + slack
    for ticker in ("SPY", "QQQ", "IWM", "XLE"):
        own = [e.max_loss_usd for e in kept if e.ticker == ticker]
        assert len(own) <= RULES.max_positions_per_ticker
        assert sum(own) <= RULES.max_ticker_risk_pct * ACCOUNT + slack
    group = [e.max_loss_usd for e in kept if e.ticker != "XLE"]
    assert sum(group) <= RULES.max_group_risk_pct * ACCOUNT + slack
    for expiry in (MARCH, APRIL):
        own = [e.max_loss_usd for e in kept if e.expiry == expiry]
        assert sum(own) <= RULES.max_expiry_risk_pct * ACCOUNT + slack
    limits = RULES.greeks
    for name, share in (
        ("delta_usd", limits.delta_pct), ("gamma_usd", limits.gamma_pct),
        ("vega_usd", limits.vega_pct), ("theta_usd", limits.theta_pct),
    ):  # fmt: skip
        assert abs(sum(getattr(e, name) for e in kept)) <= share * ACCOUNT + slack


@given(st.lists(EXPOSURES, max_size=9), st.floats(1, 20_000))
def test_what_a_fuller_account_takes_an_emptier_one_takes_too(held, loss):
    entry = Exposure("SPY", loss, MARCH)
    risk = {"MAX_DELTA", "MAX_GAMMA", "MAX_VEGA", "MAX_THETA"}
    for fewer in range(len(held)):
        assert set(codes(entry, held[:fewer])) - risk <= set(codes(entry, held))


@given(st.lists(EXPOSURES, max_size=20), EXPOSURES)
def test_without_limits_nothing_is_refused(held, entry):
    assert codes(entry, held, RiskRules.unlimited()) == []
    assert len(assess(entry, held, ACCOUNT, RULES)) == 11
