"""Where each value of the settings comes from."""

import pytest

from options_platform.errors import SettingsError
from options_platform.settings import field_names, load_settings
from options_platform.settings.origins import chosen, origins

MINE = """\
version = 1
title = "Wide stops"
[exits]
credit_stop = 3.0
"""


@pytest.fixture
def rows_of(tmp_path):
    def read(toml="", **environment):
        (tmp_path / "options.toml").write_text(toml)
        variables = {f"OPTIONS_{name}": value for name, value in environment.items()}
        settings = load_settings(tmp_path, variables)
        rows = origins(settings, tmp_path, variables)
        assert [row.name for row in rows] == field_names()
        return {row.name: (row.value, row.origin) for row in rows}

    return read


def test_without_a_file_and_variables_all_is_default_but_for_copies(rows_of):
    origin_of = {name: origin for name, (_, origin) in rows_of().items()}
    assert origin_of.pop("plan.sizing.account_value_usd") == "setting account_value_usd"
    assert origin_of.pop("plan.rule_set") == "setting rule_set"
    others = {origin for origin in origin_of.values() if not origin.startswith("setting ")}
    # The default source may bring its own range of dates.
    assert others <= {"default", "source yahoo"}
    assert origin_of["exits.exit_dte"] == origin_of["source"] == "default"


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(rows_of):
    toml = "workers = 3\n[risk]\nmax_positions = 7\n[risk.gap]\nmax_loss_pct = 0.2\n"
    found = rows_of(toml, WORKERS="5", RISK__GAP__MAX_LOSS_PCT="0.3")
    assert found["workers"] == (5, "OPTIONS_WORKERS")
    assert found["risk.max_positions"] == (7, "options.toml")
    assert found["risk.gap.max_loss_pct"] == (0.3, "OPTIONS_RISK__GAP__MAX_LOSS_PCT")
    assert found["risk.max_total_risk_pct"] == (0.10, "default")


def test_an_empty_variable_sets_nothing(rows_of):
    assert rows_of(WORKERS="")["workers"][1] == "default"


def test_a_source_brings_its_dates_and_tickers_unless_they_are_set(rows_of):
    found = rows_of('source = "sample"\n', TICKERS="SPY")
    assert found["start"][1] == found["end"][1] == "source sample"
    assert found["tickers"] == (("SPY",), "OPTIONS_TICKERS")


def test_a_part_of_a_mapping_counts_as_set(rows_of):
    found = rows_of('[iv_symbol]\nQQQ = "VIX"\n', REQUESTS_PER_MINUTE__YAHOO="30")
    assert found["iv_symbol"] == ({"QQQ": "VIX"}, "options.toml")
    assert found["requests_per_minute"][1] == "OPTIONS_REQUESTS_PER_MINUTE"


def test_the_rules_of_a_set_win_over_file_and_variable(rows_of, tmp_path):
    folder = tmp_path / ".options" / "rule_sets"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(MINE)
    found = rows_of("[exits]\ncredit_stop = 1.5\n", RULE_SET="mine", EXITS__EXIT_DTE="14")
    assert found["exits.credit_stop"] == (3.0, "rule set mine")
    # A set over the user's own settings leaves what it does not hold.
    assert found["exits.exit_dte"] == (14, "OPTIONS_EXITS__EXIT_DTE")


def test_a_set_over_the_defaults_leaves_out_what_the_user_has_set(rows_of):
    found = rows_of(RULE_SET="premium_ladder", PLAN__LIQUIDITY__MIN_BID_USD="0.2")
    assert found["plan.liquidity.min_bid_usd"] == (0.05, "default")
    assert found["exits.credit_take_profit"][1] == "rule set premium_ladder"


def test_settings_are_chosen_by_name_and_by_table(tmp_path):
    rows = origins(load_settings(tmp_path, {}), tmp_path, {})
    names = [row.name for row in chosen(rows, ["risk.gap", "workers"])]
    assert names == ["workers", "risk.gap.max_loss_pct", "risk.gap.moves", "risk.gap.vol_rise"]
    assert chosen(rows, []) == rows
    with pytest.raises(SettingsError, match=r"did you mean risk\.gap\.vol_rise"):
        chosen(rows, ["vol_rise"])
