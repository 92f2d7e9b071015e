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


def codes(entry, open_exposures, rules=RULES, account=ACCOUNT):
    return [check.code for check in refusals(entry, open_exposures, account, rules)]


def test_an_empty_account_accepts_a_trade_within_its_limits():
    assert codes(Exposure("SPY", 3_000.0, MARCH), []) == []
    assert codes(Exposure("SPY", 3_000.01, MARCH), []) == ["MAX_TRADE_RISK"]


@pytest.mark.parametrize(
    ("entry", "open_exposures", "code", "value", "threshold"),
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
def test_a_broken_limit_reports_value_and_threshold(entry, open_exposures, code, value, threshold):
    (broken,) = refusals(entry, open_exposures, ACCOUNT, RULES)
    assert (broken.code, broken.value, broken.threshold) == (code, value, threshold)


def test_every_broken_limit_is_named():
    open_exposures = [Exposure("SPY", 2000.0, MARCH)] * 6
    assert codes(Exposure("SPY", 1.0, MARCH), open_exposures) == [
        "MAX_POSITIONS",
        "MAX_POSITIONS_TICKER",
        "MAX_TICKER_RISK",
        "MAX_EXPIRY_RISK",
        "MAX_GROUP_RISK",
        "MAX_TOTAL_RISK",
        "MAX_GAP_LOSS",
    ]


def test_greeks_become_dollars_worked_by_hand():
    exposure = exposure_of(
        "SPY", 500.0, MARCH, spot=500.0, shares_delta=40.0, shares_gamma=2.0,
        vega_usd=-30.0, theta_usd=12.0,
    )  # fmt: skip
    # 40 shares at 500 USD. A 1% move is 5 USD; 2 shares per USD make 10 shares, 5,000 USD.
    assert (exposure.delta_usd, exposure.gamma_usd) == (20_000.0, 5_000.0)


def test_deltas_are_weighted_by_beta():
    rules = replace(RULES, betas={"QQQ": 1.25}, greeks=GreekLimits(0.5, 9.0, 9.0, 9.0))
    entry = Exposure("QQQ", 100.0, MARCH, delta_usd=40_000.0)
    assert codes(entry, [], rules) == []
    assert codes(replace(entry, delta_usd=40_001.0), [], rules) == ["MAX_DELTA"]
    assert codes(replace(entry, ticker="SPY", delta_usd=40_001.0), [], rules) == []


def test_an_entry_that_reduces_greeks_is_accepted_even_beyond_the_limit():
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
        losses = [e.max_loss_usd for e in kept if e.ticker == ticker]
        assert len(losses) <= RULES.max_positions_per_ticker
        assert sum(losses) <= RULES.max_ticker_risk_pct * ACCOUNT + slack
    group = [e.max_loss_usd for e in kept if e.ticker != "XLE"]
    assert sum(group) <= RULES.max_group_risk_pct * ACCOUNT + slack
    for expiry in (MARCH, APRIL):
        losses = [e.max_loss_usd for e in kept if e.expiry == expiry]
        assert sum(losses) <= RULES.max_expiry_risk_pct * ACCOUNT + slack
    limits = RULES.greeks
    for name, share in (
        ("delta_usd", limits.delta_pct), ("gamma_usd", limits.gamma_pct),
        ("vega_usd", limits.vega_pct), ("theta_usd", limits.theta_pct),
    ):  # fmt: skip
        assert abs(sum(getattr(e, name) for e in kept)) <= share * ACCOUNT + slack


@given(st.lists(EXPOSURES, max_size=9), st.floats(1, 20_000))
def test_an_entry_accepted_with_more_positions_is_accepted_with_fewer(open_exposures, loss):
    entry = Exposure("SPY", loss, MARCH)
    risk = {"MAX_DELTA", "MAX_GAMMA", "MAX_VEGA", "MAX_THETA"}
    for fewer in range(len(open_exposures)):
        assert set(codes(entry, open_exposures[:fewer])) - risk <= set(codes(entry, open_exposures))


@given(st.lists(EXPOSURES, max_size=20), EXPOSURES)
def test_without_limits_nothing_is_refused(open_exposures, entry):
    assert codes(entry, open_exposures, RiskRules.unlimited()) == []
    assert len(assess(entry, open_exposures, ACCOUNT, RULES)) == 12
