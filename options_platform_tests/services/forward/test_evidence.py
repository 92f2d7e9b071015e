"""A clock that was turned back records nothing where anything knows of a later session."""

from datetime import UTC, date, timedelta

import pytest

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.positions import AccountMark
from options_platform.services.forward.evidence import known_since
from options_platform.services.forward.recording import record_session
from options_platform.services.market_data.platform import make_platform
from options_platform.settings import make_settings
from options_platform.testing.alpaca_account import NOW, SESSION, server
from options_platform.testing.market import random_market
from options_platform_tests.forward_links import night
from options_platform_tests.platform import END
from options_platform_tests.services.forward.conftest import DAYS, platform_at

SAMPLE_END = date(2018, 12, 31)
HEAD = "Date,Open,High,Low,Close,Adj Close,Volume\n"


def platform_of(home, **changes):
    home.mkdir(exist_ok=True)
    values = {"home": home, "source": "simulated", "tickers": ("SPY",), **changes}
    return make_platform(make_settings(values))


def test_nothing_is_recorded_while_the_warehouse_has_later_bars(home):
    home.forward_record_path.unlink()
    recorded = record_session(platform_at(home, night(DAYS[0])), DAYS[0])
    assert (list(recorded.links), recorded.head, recorded.failures) == ([], None, {})
    assert recorded.not_recorded == (
        f"the warehouse has bars of {END}, so its next open has passed; set this machine's clock "
        "right"
    )
    assert not home.forward_record_path.exists()


def test_stored_bars_know_of_the_sessions_before_them_alone(tmp_path):
    platform = platform_of(tmp_path)
    bars, _ = random_market(("SPY",), SESSION, shift(SESSION, 3))
    rows = bars.with_columns(fetched_at=NOW.astimezone(UTC))
    Warehouse(platform.settings.warehouse_path).write([(RAW_OHLCV, rows)])
    assert known_since(platform, shift(SESSION, 2)) == (
        f"the warehouse has bars of {shift(SESSION, 3)}"
    )
    assert known_since(platform, shift(SESSION, 3)) is None


def test_the_marks_of_the_account_know_of_the_sessions_before_them(tmp_path):
    platform = platform_of(tmp_path)
    mark = AccountMark(SESSION, 9_000.0, 0.0, 9_000.0, 0.0, 0.0, 0)
    open_ledger(platform.settings).record_marks([], mark)
    assert known_since(platform, shift(SESSION, -1)) == f"the ledger has marks of {SESSION}"
    assert known_since(platform, SESSION) is None


def test_a_source_with_an_end_knows_of_the_sessions_before_it(tmp_path):
    platform = platform_of(tmp_path, source="sample")
    known = known_since(platform, shift(SAMPLE_END, -1))
    assert known == f"the source sample has bars up to {SAMPLE_END}"
    assert known_since(platform, SAMPLE_END) is None


@pytest.mark.parametrize(("last", "knows"), [(SESSION, False), (shift(SESSION, 1), True)])
def test_files_know_of_the_sessions_that_they_have(tmp_path, last, knows):
    folder = tmp_path / "files"
    folder.mkdir()
    days = [last - timedelta(days=1), last]
    rows = "".join(f"{day},200,202,199,201,201,1000000\n" for day in days)
    (folder / "SPY.csv").write_text(HEAD + rows)
    known = known_since(platform_of(tmp_path / "home", source="csv", csv_dir=str(folder)), SESSION)
    assert known == (f"the files of csv have bars of {last}" if knows else None)


def test_the_brokers_clock_knows_what_time_it_is_and_a_silent_broker_nothing(tmp_path):
    with server() as fake:
        alpaca = {"broker": "alpaca", "alpaca": {"fake_address": fake.address}}
        platform = platform_of(tmp_path, **alpaca)
        known = known_since(platform, SESSION)
        assert known == f"the clock of alpaca says {NOW.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        assert known_since(platform, shift(SESSION, 1)) is None
    assert known_since(platform, SESSION) is None
