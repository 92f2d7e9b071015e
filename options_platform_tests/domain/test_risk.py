from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.risk import Exposure, RiskRules, refusals

RULES = RiskRules()
EXPOSURES = st.lists(
    st.builds(Exposure, st.sampled_from(["SPY", "QQQ", "IWM"]), st.floats(1, 5000)), max_size=9
)


def test_an_empty_account_takes_a_trade_within_its_total_risk():
    assert refusals("SPY", 10_000.0, [], 100_000.0, RULES) == []
    assert refusals("SPY", 10_000.01, [], 100_000.0, RULES) == ["MAX_TOTAL_RISK"]


def test_every_limit_that_is_broken_is_named():
    held = [Exposure("SPY", 2000.0)] * 6
    assert refusals("SPY", 1.0, held, 100_000.0, RULES) == [
        "MAX_POSITIONS",
        "MAX_POSITIONS_TICKER",
        "MAX_TOTAL_RISK",
    ]


@given(EXPOSURES, st.lists(st.tuples(st.sampled_from(["SPY", "QQQ"]), st.floats(1, 5000))))
def test_an_account_that_obeys_never_exceeds_its_limits(held, orders):
    kept = []
    for ticker, loss in [(e.ticker, e.max_loss_usd) for e in held] + orders:
        if not refusals(ticker, loss, kept, 50_000.0, RULES):
            kept.append(Exposure(ticker, loss))
    assert len(kept) <= RULES.max_positions
    assert sum(e.max_loss_usd for e in kept) <= RULES.max_total_risk_pct * 50_000.0
    for ticker in ("SPY", "QQQ", "IWM"):
        assert sum(e.ticker == ticker for e in kept) <= RULES.max_positions_per_ticker


@given(EXPOSURES, st.floats(1, 20_000))
def test_what_a_fuller_account_takes_an_emptier_one_takes_too(held, loss):
    for fewer in range(len(held)):
        allowed = refusals("SPY", loss, held, 100_000.0, RULES)
        assert set(refusals("SPY", loss, held[:fewer], 100_000.0, RULES)) <= set(allowed)
