"""The closes of a session in which a ticker has no bar."""

from datetime import date

import pytest

from options_platform.common import PartitionRange
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.defs.trading.orders import with_carried
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.exposures import newest_closes
from options_platform.services.market_data.failed_tickers import record_failures
from options_platform.services.market_data.platform import make_platform
from options_platform.services.planning.plan_tables import market_closes
from options_platform.settings import make_settings
from options_platform_tests.scripted import FIRST, LAST
from options_platform_tests.updating import Market

TICKERS = ("SPY", "QQQ")


@pytest.fixture
def market(tmp_path):
    found = Market(tmp_path, *TICKERS)
    last = shift(LAST, -5)
    history = found.source.history
    history["SPY"] = history["SPY"].filter(history["SPY"]["date"] <= last)
    found.run(FIRST, LAST, TICKERS)
    found.run_index(FIRST, LAST, TICKERS)
    return found


def closes(market, since, session):
    platform = make_platform(make_settings({"source": "simulated"}), warehouse=market.warehouse)
    bars = with_carried(platform, since, session)
    return newest_closes(market_closes(bars, market.rows(VIX)), session)


@pytest.mark.parametrize("days", [0, 1, 3, 30])
def test_a_position_in_a_halted_ticker_is_marked_at_its_last_close_however_old(market, days):
    found = closes(market, shift(LAST, -days) if days else LAST, LAST)
    assert found["QQQ"].session == LAST
    assert found["SPY"].session == shift(LAST, -5)
    bar = market.rows(RAW_OHLCV, ticker="SPY", date=shift(LAST, -5))
    assert found["SPY"].close.spot == bar["close"].item()


def test_a_ticker_that_is_no_longer_updated_has_no_close(market):
    """Nothing shows that it has no bar, so its position may have moved."""
    assert "SPY" not in closes(market, date(2024, 4, 1), date(2024, 4, 1))


@pytest.mark.parametrize("table", [RAW_OHLCV, VIX])
def test_a_ticker_whose_source_has_failed_keeps_its_last_whole_close(tmp_path, table):
    """Also if its volatility index alone has failed, so that it has bars of these sessions."""
    made, failed_on = Market(tmp_path, *TICKERS), shift(LAST, -2)
    if table is RAW_OHLCV:
        made.run(FIRST, shift(LAST, -3), ["SPY"])
        made.run(FIRST, LAST, ["QQQ"])
    else:
        made.run(FIRST, LAST, TICKERS)
    made.run_index(FIRST, shift(LAST, -3), ["SPY"])
    made.run_index(FIRST, LAST, ["QQQ"])
    asked = PartitionRange(failed_on, LAST, ("SPY",))
    record_failures(made.warehouse, table, asked, {"SPY": "no answer"}, made.now)
    for since in (LAST, failed_on):
        found = closes(made, since, LAST)
        assert found["SPY"].session == shift(LAST, -3)
        assert found["QQQ"].session == LAST
