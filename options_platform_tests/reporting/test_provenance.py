from dataclasses import replace

import polars as pl

from options_platform import __version__
from options_platform.domain.features.registry import feature_version
from options_platform.reporting.provenance import settings_digest, settings_rows, versions
from options_platform.settings import field_names, make_settings


def settings_of(tmp_path, **changes):
    return make_settings({"home": tmp_path, "source": "simulated", **changes})


def test_every_setting_is_listed_once_with_its_value(tmp_path):
    rows = settings_rows(settings_of(tmp_path, tickers=("SPY", "DIA"), max_risk_usd=None))
    names = [row["name"] for row in rows]
    assert names == field_names()
    values = {row["name"]: row["value"] for row in rows}
    assert values["tickers"] == "SPY, DIA"
    assert values["max_risk_usd"] == "none"
    assert values["plan.selection.fewest_calls"] == "60"
    assert values["plan.selection.min_probability"] == "none"


def test_only_what_differs_from_the_default_is_marked(tmp_path):
    made = settings_of(tmp_path, tickers=("SPY", "DIA"), exits={"exit_dte": 10})
    changed = {row["name"] for row in settings_rows(made) if row["changed"]}
    assert {"home", "source", "tickers", "exits.exit_dte"} <= changed
    assert "exits.debit_stop" not in changed


def test_the_digest_depends_on_every_rule_and_not_on_the_homes_path(tmp_path):
    made = settings_of(tmp_path)
    digest = settings_digest(made)
    assert settings_digest(settings_of(tmp_path / "elsewhere")) == digest
    assert settings_digest(settings_of(tmp_path, exits={"exit_dte": 10})) != digest
    assert settings_digest(replace(made, account="other")) != digest


def test_versions_are_those_of_the_running_code():
    found = versions()
    assert found["options-platform"] == __version__
    assert found["features"] == feature_version()
    assert found["polars"] == pl.__version__
