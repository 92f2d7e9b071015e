import os

import pytest

from options_platform.adapters.notifier import VARIABLE, is_configured, open_notifier
from options_platform.adapters.sources.alpaca.keys import Keys, require_keys
from options_platform.errors import SettingsError, SourceError
from options_platform.settings import load_settings, secrets
from options_platform.settings.broker_rules import LIVE_SWITCH
from options_platform.settings.secrets import read_secret

CANARY = "canary-secret-1"


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """A folder in place of /run/secrets, which belongs to this machine."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setattr(secrets, "MOUNTED", folder)
    return folder


def test_a_secret_is_that_of_its_variable_or_of_the_file_that_is_named_or_mounted(mounted):
    file = mounted.parent / "somewhere"
    file.write_text(f"  {CANARY}\n")
    assert read_secret("A_KEY", {"A_KEY_FILE": str(file)}) == CANARY
    assert read_secret("A_KEY", {"A_KEY": "", "A_KEY_FILE": str(file)}) == CANARY
    assert read_secret("A_KEY", {}) == ""
    (mounted / "A_KEY").write_text("mounted\n")
    assert read_secret("A_KEY", {}) == "mounted"
    assert read_secret("A_KEY", {"A_KEY": " variable "}) == "variable"
    assert read_secret("A_KEY", {"A_KEY_FILE": str(file)}) == CANARY


def test_two_places_are_refused_without_showing_either(tmp_path):
    with pytest.raises(SettingsError, match="A_KEY and A_KEY_FILE are both set") as error:
        read_secret("A_KEY", {"A_KEY": CANARY, "A_KEY_FILE": f"{tmp_path}/x"})
    assert CANARY not in str(error.value)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "cannot be read"),
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: path.write_text(" \n"), "is empty"),
        (lambda path: path.write_bytes(b"\xff" + CANARY.encode()), "no text in UTF-8"),
    ],
    ids=["missing", "folder", "empty", "binary"],
)
def test_a_file_that_is_named_and_gives_nothing_is_one_line(tmp_path, write, message):
    path = tmp_path / "file"
    write(path)
    with pytest.raises(SettingsError, match=message) as error:
        read_secret("A_KEY", {"A_KEY_FILE": str(path)})
    assert f"A_KEY_FILE names {path}" in str(error.value)
    assert "\n" not in str(error.value)
    assert CANARY not in f"{error.value} {error.value.__cause__}"


def test_a_mounted_file_that_cannot_be_read_is_no_missing_secret(mounted):
    (mounted / "A_KEY").symlink_to(mounted / "gone")
    with pytest.raises(
        SettingsError, match=rf"A_KEY cannot be read .* this user \({os.getuid()}\)"
    ):
        read_secret("A_KEY", {})


def test_the_keys_of_a_broker_may_be_files(tmp_path):
    for name in ("id", "secret"):
        (tmp_path / name).write_text(f"{CANARY}-{name}\n")
    environment = {
        "APCA_API_KEY_ID_FILE": f"{tmp_path}/id",
        "APCA_API_SECRET_KEY_FILE": f"{tmp_path}/secret",
    }
    assert require_keys(environment) == Keys(f"{CANARY}-id", f"{CANARY}-secret")
    (tmp_path / "secret").unlink()
    with pytest.raises(SourceError, match="alpaca needs keys: APCA_API_SECRET_KEY_FILE names"):
        require_keys(environment)


def test_addresses_of_alerts_may_be_a_file_that_is_no_setting(tmp_path):
    file = tmp_path / "urls"
    file.write_text("json://127.0.0.1/a\njson://127.0.0.1/b\n")
    environment = {f"{VARIABLE}_FILE": str(file)}
    assert load_settings(tmp_path, environment) == load_settings(tmp_path, {})
    assert open_notifier(environment).numbers == range(1, 3)
    assert is_configured(environment)


def test_a_lost_file_of_addresses_stops_an_alert_and_no_definition(tmp_path):
    environment = {f"{VARIABLE}_FILE": f"{tmp_path}/gone"}
    assert is_configured(environment)
    with pytest.raises(SettingsError, match=f"{VARIABLE}_FILE names"):
        open_notifier(environment)


def test_the_switch_of_live_trading_is_read_from_no_file(tmp_path):
    with pytest.raises(SettingsError, match="unknown setting 'live_money_file'"):
        load_settings(tmp_path, {f"{LIVE_SWITCH}_FILE": f"{tmp_path}/number"})
