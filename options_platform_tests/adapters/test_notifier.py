import logging

import pytest

from options_platform.adapters.notifier import VARIABLE, is_configured, open_notifier
from options_platform.cli import main
from options_platform.errors import NotifyError, SettingsError
from options_platform.settings import load_settings
from options_platform_tests.fakes.receiver import receiver


@pytest.fixture
def there():
    with receiver() as found:
        yield found


def test_every_address_gets_title_and_text(there):
    notifier = open_notifier({VARIABLE: f"{there.url}\n {there.url}"})
    notifier.send("halted", "DAILY_LOSS")
    assert there.got == [("halted", "DAILY_LOSS")] * 2


def test_without_addresses_there_is_no_notifier():
    assert open_notifier({}) is None
    assert open_notifier({VARIABLE: "  "}) is None
    assert not is_configured({})


def test_an_address_that_fails_is_named_only_by_its_number(there, caplog):
    caplog.set_level(logging.DEBUG)
    there.status = 500
    notifier = open_notifier({VARIABLE: there.url})
    with pytest.raises(NotifyError, match="address 1 of 1 in OPTIONS_ALERT_URLS") as caught:
        notifier.send("halted", "DAILY_LOSS")
    shown = f"{caught.value} {caught.value.__cause__} {notifier!r} {caplog.text}"
    assert there.password not in shown
    assert str(there.port) not in f"{caught.value} {notifier!r}"


def test_an_address_of_an_unknown_service_is_refused_without_showing_it(caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SettingsError, match="address 2 in OPTIONS_ALERT_URLS") as caught:
        open_notifier({VARIABLE: "json://127.0.0.1/ nowhere://canary-password@x"})
    assert "canary" not in f"{caught.value} {caplog.text}"


def test_the_addresses_are_not_a_setting_and_may_be_in_no_file(tmp_path):
    load_settings(tmp_path, {VARIABLE: "json://user:canary@127.0.0.1/"})
    (tmp_path / "options.toml").write_text('alert_urls = "json://127.0.0.1/"')
    with pytest.raises(SettingsError, match="unknown setting 'alert_urls'"):
        load_settings(tmp_path, {})


def test_the_command_sends_a_test_and_shows_no_address(there, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPTIONS_SOURCE", "simulated")
    assert main(["alerts", "test"]) == 2
    assert VARIABLE in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, there.url)
    assert main(["alerts", "test"]) == 0
    assert [title for title, _ in there.got] == ["paper: a test"]
    there.status = 500
    assert main(["alerts", "test"]) == 1
    printed = capsys.readouterr()
    assert there.password not in printed.out + printed.err
    assert main(["alerts"]) == 0
    assert "No alerts." in capsys.readouterr().out
