import pytest

from options_platform.domain.chain.width import BY_TERM, BY_VEGA, LEVELS, QQQ, SPY, STOCK
from tools import calibrate_widths


@pytest.fixture(scope="module")
def chains(reference_data):
    every = calibrate_widths.real_widths(reference_data)
    return [own for own in every if own.name != calibrate_widths.HALF_SESSION]


def test_the_numbers_are_reproduced_from_the_real_chains(chains):
    fitted = calibrate_widths.fit(chains)
    assert fitted.by_vega == pytest.approx(BY_VEGA, abs=0.01)
    assert fitted.by_term == pytest.approx(BY_TERM, abs=0.01)
    assert fitted.by_vol["fund"] == pytest.approx(SPY.by_vol, abs=0.02)
    levels = {"SPY": SPY, "QQQ": QQQ, "stock": STOCK}
    for group, level in fitted.levels.items():
        ticker, hour = group.split()
        if ticker in levels:
            assert level == pytest.approx(getattr(levels[ticker], hour), rel=0.02), group
    # The close of QQQ is that of its session, by the ratio of SPY.
    assert QQQ.close / QQQ.session == pytest.approx(SPY.close / SPY.session, rel=0.01)
    assert LEVELS["IWM"] == LEVELS["DIA"] == QQQ


@pytest.mark.parametrize("ticker", ["SPY", "QQQ"])
@pytest.mark.parametrize("session", ["2026-02-11", "2026-02-12"])
def test_left_out_widths_of_funds_in_the_session_are_within_a_quarter(chains, ticker, session):
    own = next(chain for chain in chains if chain.name == f"{ticker} {session}")
    fitted, level = calibrate_widths.left_out(chains, own.name)
    assert calibrate_widths.ratio(fitted.width(own, level), own) == pytest.approx(1.0, abs=0.25)


def test_in_the_session_spy_is_quoted_at_half_its_width_at_the_close(chains):
    """Of the same options: the chains of 2026, priced with the level of either hour."""
    fitted = calibrate_widths.fit(chains)
    for own in (chain for chain in chains if chain.group == "SPY session"):
        closing = fitted.width(own, fitted.levels["SPY close"])
        assert 0.35 < calibrate_widths.ratio(closing, own) < 0.65
