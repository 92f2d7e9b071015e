from datetime import date

import pytest

from options_platform.domain.chain import ChainRules
from options_platform.domain.trading.exposures import DatedClose, newest_closes, spread_exposure
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import OrderLeg, shares_leg

DAY, FAR = date(2024, 1, 2), date(2024, 2, 16)
CALL, PUT = (OrderLeg("buy", right, 470.0, FAR) for right in ("call", "put"))
AT = DatedClose(DAY, MarketClose(470.0, 0.15))


def exposure(*legs, at=AT, contracts=1):
    return spread_exposure("SPY", legs, contracts, 100.0, at, ChainRules())


def test_a_call_moves_with_the_market_gains_from_volatility_and_decays():
    found = exposure(CALL)
    assert 0.4 * 100 * 470 < found.delta_usd < 0.6 * 100 * 470
    assert found.gamma_usd > 0
    assert found.vega_usd > 0
    assert found.theta_usd < 0


def test_gamma_is_the_change_of_the_dollar_delta_for_a_move_of_one_percent():
    """Of the delta's part: 1% of spot times gamma times spot, against a small difference."""
    small = 1e-4
    up, down = (
        exposure(CALL, at=DatedClose(DAY, MarketClose(470.0 * (1 + move), 0.15)))
        for move in (small, -small)
    )
    shares_up, shares_down = (
        up.delta_usd / 470.0 / (1 + small),
        down.delta_usd / 470.0 / (1 - small),
    )
    slope = (shares_up - shares_down) / (2 * small * 470.0)
    # The surface's volatility moves with the spot, which gamma holds still.
    assert exposure(CALL).gamma_usd == pytest.approx(slope * 470.0 * 470.0 * 0.01, rel=0.25)


def test_legs_and_contracts_add_up():
    both = exposure(CALL, PUT, contracts=3)
    one = [exposure(leg) for leg in (CALL, PUT)]
    for name in ("delta_usd", "gamma_usd", "vega_usd", "theta_usd"):
        assert getattr(both, name) == pytest.approx(3 * sum(getattr(e, name) for e in one))


def test_what_has_expired_has_no_greeks():
    found = exposure(CALL, at=DatedClose(FAR, AT.close))
    assert (found.delta_usd, found.gamma_usd, found.vega_usd, found.theta_usd) == (0, 0, 0, 0)
    assert (found.max_loss_usd, found.expiry) == (100.0, FAR)


def test_the_newest_close_of_each_ticker_is_carried():
    old, new = MarketClose(1.0, 0.2), MarketClose(2.0, 0.2)
    market = {date(2024, 1, 3): {"SPY": new}, DAY: {"SPY": old, "QQQ": old}}
    assert newest_closes(market) == {
        "SPY": DatedClose(date(2024, 1, 3), new),
        "QQQ": DatedClose(DAY, old),
    }
    assert newest_closes(market, DAY)["SPY"] == DatedClose(DAY, old)


def test_a_share_has_a_delta_of_one_beside_contracts():
    """650 shares short are 650, whatever a contract is for."""
    short = exposure(shares_leg("sell", 650))
    assert (short.delta_usd, short.gamma_usd, short.vega_usd) == (-650 * 470.0, 0, 0)
    eight = OrderLeg("buy", "call", 470.0, FAR, 8)
    both = exposure(eight, shares_leg("sell", 650))
    assert both.delta_usd == pytest.approx(8 * exposure(CALL).delta_usd - 650 * 470.0)
