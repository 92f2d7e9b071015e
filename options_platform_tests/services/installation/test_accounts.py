"""The broker is a real server on this machine, and so is the network that does not answer."""

import sys

import pytest

from options_platform.adapters.notifier import VARIABLE
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.services.installation.accounts import alert_findings, broker_findings
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform_tests.platform import make_platform_settings

UNUSED = "http://127.0.0.1:9"


def broker_of(tmp_path, **alpaca):
    return {
        one.what: (one.state, one.detail)
        for one in broker_findings(
            make_platform_settings(tmp_path / "home", broker="alpaca", alpaca=alpaca)
        )
    }


def test_the_simulated_broker_needs_nothing(tmp_path):
    (found,) = broker_findings(make_platform_settings(tmp_path / "home"))
    assert found.state == Diagnosis.OK


def test_an_account_that_answers_is_shown_by_the_end_of_its_number(tmp_path):
    with FakeAlpaca(cash_usd=50_000.0) as fake:
        found = broker_of(tmp_path, fake_address=fake.address)
    state, detail = found["broker"]
    assert state == "ok"
    assert "alpaca (paper): account ..." in detail
    assert "equity 50,000.00 USD, options level 3" in detail
    assert "clock" not in found


def test_an_account_that_may_not_be_traded_is_broken(tmp_path):
    with FakeAlpaca() as fake:
        found = broker_of(tmp_path, fake_address=fake.address, accounts=("another",))
    assert found["broker"][0] == "BROKEN"


def test_a_broker_that_does_not_answer_is_a_note(tmp_path):
    state, detail = broker_of(tmp_path, fake_address=UNUSED, timeout_seconds=1.0)["broker"]
    assert (state, "orders wait until it answers" in detail) == ("note", True)


def test_missing_keys_and_a_missing_package_are_one_line_with_advice(tmp_path, monkeypatch):
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "ALPACA_API_KEY", "ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    state, detail = broker_of(tmp_path)["broker"]
    assert (state, "set APCA_API_KEY_ID and APCA_API_SECRET_KEY" in detail) == ("BROKEN", True)
    monkeypatch.setitem(sys.modules, "alpaca", None)
    state, detail = broker_of(tmp_path)["broker"]
    assert (state, "pip install alpaca-py" in detail) == ("BROKEN", True)


@pytest.mark.parametrize(
    ("urls", "state", "text"),
    [
        ("", "note", "set OPTIONS_ALERT_URLS"),
        ("json://127.0.0.1/ json://127.0.0.1/b", "ok", "2 addresses; send a test"),
        ("json://127.0.0.1/ nowhere://canary@x", "BROKEN", "address 2 in OPTIONS_ALERT_URLS"),
    ],
)
def test_addresses_of_alerts_are_counted_and_broken_ones_named(monkeypatch, urls, state, text):
    monkeypatch.setenv(VARIABLE, urls)
    (found,) = alert_findings()
    assert (found.state, text in found.detail, "canary" in found.detail) == (state, True, False)
