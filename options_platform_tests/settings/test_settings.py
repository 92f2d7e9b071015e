from dataclasses import FrozenInstanceError
from datetime import date

import pytest

from options_platform.domain.calendar.sessions import is_session, set_closures
from options_platform.domain.trading.exits.expiry_policy import ExpiryRules
from options_platform.domain.trading.orders import LadderRules
from options_platform.errors import SettingsError, UsageError
from options_platform.settings import load_settings, make_settings


def load(tmp_path, toml="", **environment):
    (tmp_path / "options.toml").write_text(toml)
    return load_settings(tmp_path, {f"OPTIONS_{k.upper()}": v for k, v in environment.items()})


def test_defaults_are_those_of_the_contract(tmp_path):
    settings = load(tmp_path)
    assert settings.source == "yahoo"
    assert settings.account_value_usd == 100_000
    assert settings.max_risk_usd is None
    assert settings.iron_condor_enabled is True
    assert settings.home == tmp_path / ".options"


def test_the_environment_overrides_the_file(tmp_path):
    toml = 'tickers = ["SPY"]\naccount_value_usd = 5000\n[exits]\nexit_dte = 10\n'
    settings = load(tmp_path, toml, tickers="QQQ, IWM", exits__exit_dte="7")
    assert settings.tickers == ("QQQ", "IWM")
    assert settings.exits.exit_dte == 7
    assert settings.plan.sizing.account_value_usd == 5000


def test_none_empties_a_list_and_an_optional_value_and_blanks_are_unset(tmp_path):
    toml = 'baselines = ["seed"]\nmax_risk_usd = 250\n'
    settings = load(tmp_path, toml, baselines="none", max_risk_usd="None")
    assert settings.baselines == ()
    assert settings.max_risk_usd is None
    assert load(tmp_path, toml, baselines="").baselines == ("seed",)
    with pytest.raises(SettingsError, match="baselines"):
        load(tmp_path, baselines="sed")


def test_the_level_of_confidence_is_set_and_a_constant_replaces_it(tmp_path):
    level = load(tmp_path).plan.selection
    assert (level.confident_share, level.fewest_calls, level.min_probability) == (1 / 3, 60, None)
    toml = "[plan.selection]\nmin_probability = 0.4\nconfident_share = 0.25\n"
    assert load(tmp_path, toml).plan.selection.min_probability == 0.4
    back = load(tmp_path, toml, plan__selection__min_probability="none").plan.selection
    assert (back.confident_share, back.min_probability) == (0.25, None)
    with pytest.raises(SettingsError, match="confident_share"):
        load(tmp_path, "[plan.selection]\nconfident_share = 0\n")


def test_the_account_is_set_in_one_place(tmp_path):
    settings = load(tmp_path, iron_condor_enabled="false", max_risk_usd="250")
    assert settings.plan.selection.iron_condor_enabled is False
    assert settings.plan.sizing.max_risk_usd == 250
    with pytest.raises(SettingsError, match="set max_risk_usd itself"):
        load(tmp_path, plan__sizing__max_risk_usd="10")


@pytest.mark.parametrize(
    ("toml", "environment", "said"),
    [
        ("tickrs = ['SPY']", {}, "did you mean tickers"),
        ("[exits]\nexit_dts = 1", {}, "did you mean exit_dte"),
        ("", {"hme": "x"}, "did you mean home"),
        ("", {"exits__exit_dt": "3"}, "did you mean exit_dte"),
        (
            "[plan.sizing]\nallow_min_one = true",
            {},
            "plan.sizing.allow_min_one is no longer a setting: one spread is traded by default",
        ),
        ("", {"plan__sizing__allow_min_one": "true"}, "at_least_one=false rounds down to none"),
        ("[plan.chain.surface]\nlevel = 0.9", {}, "solved from the index itself"),
        ("[plan.chain]\nwidth = [0.1, 0.2, 0.3, 0.4]", {}, "plan.chain.width.hour says when"),
        ("", {"plan__chain__width": "0.1,0.2,0.3,0.4"}, "plan.chain.width_scale multiplies"),
        ("workers = 'many'", {}, "setting workers"),
        ("", {"workers": "0"}, "at least 1"),
        ("", {"start": "2024-13-01"}, "setting start"),
        ("", {"source": "bloomberg"}, "setting source"),
        ("", {"source": "csv"}, "OPTIONS_CSV_DIR"),
        ("", {"tickers": "SPY,SPY"}, "twice"),
        ("", {"account_value_usd": "-5"}, "more than 0"),
        ("home = ", {}, "cannot be read as TOML"),
        ("start = 2020-01-02\nend = 2019-01-02", {}, "before start"),
        ("[plan.selection]\nmin_dte = 50", {}, "min_dte <= max_dte"),
        ("[plan.selection]\nstrategy = 'short_straddle'", {}, "short_straddle takes plan.allow"),
    ],
)
def test_a_wrong_setting_is_one_line_that_says_what_to_do(tmp_path, toml, environment, said):
    with pytest.raises(SettingsError, match=said) as error:
        load(tmp_path, toml, **environment)
    assert "\n" not in str(error.value)


def test_a_hostile_ticker_is_refused(tmp_path):
    with pytest.raises(UsageError):
        load(tmp_path, tickers="../x")


def test_the_sample_has_its_own_bounds(tmp_path):
    settings = load(tmp_path, source="sample")
    assert (settings.start, settings.end) == (date(2010, 1, 4), date(2018, 12, 31))
    assert settings.tickers == ("SPY", "QQQ")


def test_settings_are_frozen(tmp_path):
    with pytest.raises(FrozenInstanceError):
        load(tmp_path).workers = 3


def test_each_account_has_a_ledger_in_the_home_whatever_its_name():
    names = ["paper", "other", "../../etc/x", "<b>", ""]
    paths = [make_settings({"account": name}).ledger_path for name in names]
    assert len(set(paths)) == len(names)
    assert {path.parent for path in paths} == {make_settings({}).home}
    assert paths[0].name == "ledger.duckdb"
    with pytest.raises(SettingsError, match="ledgers of their own"):
        make_settings({"account": "replay"})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le with its mark"])
def test_a_file_saved_by_an_editor_of_windows_is_read(tmp_path, encoding):
    text = 'source = "sample"\r\n[exits]\r\nexit_dte = 9\r\n'
    if encoding == "utf-16-le with its mark":
        content = b"\xff\xfe" + text.encode("utf-16-le")
    else:
        content = text.encode(encoding)
    (tmp_path / "options.toml").write_bytes(content)
    settings = load_settings(tmp_path, {})
    assert (settings.source, settings.exits.exit_dte) == ("sample", 9)


@pytest.mark.parametrize(
    "name", ["my [trading] home", "a?b", "a*b", "a#b", "a%20b", "100%", "a\nb"]
)
@pytest.mark.parametrize("within", ["home", "folder"])
def test_a_home_that_its_stores_could_not_address_is_refused_at_once(tmp_path, name, within):
    """Dagster would fall back to its defaults, SQLite and DuckDB would write somewhere else."""
    directory = tmp_path / name if within == "folder" else tmp_path
    home = {"home": str(tmp_path / name)} if within == "home" else {}
    with pytest.raises(SettingsError, match="set OPTIONS_HOME") as error:
        make_settings({"source": "sample", **home}, directory=directory)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_the_backtest_trades_by_the_policies_of_expiry_ex_dates_and_size_that_are_set(tmp_path):
    toml = "[expiry]\nhold_to_expiry = true\n[exits.ex_dividend]\nearly_sessions = 3\n"
    made = load(tmp_path, toml, account_value_usd="50000", ladder__entry_concession="0.2")
    rules = made.backtest_rules
    assert rules.ladder == made.ladder == LadderRules(entry_concession=0.2)
    assert rules.expiry == made.expiry == ExpiryRules(hold_to_expiry=True)
    assert rules.exits.ex_dividend.early_sessions == 3
    assert rules.sizing == made.plan.sizing
    assert rules.account_usd(60_000.0) == 50_000.0
    assert rules.account_usd(40_000.0) == 40_000.0


def test_a_closure_that_is_set_is_no_session_and_one_in_another_form_is_refused(tmp_path):
    try:
        load(tmp_path, closures="2027-03-10 announced 2027-03-02")
        assert not is_session(date(2027, 3, 10))
        load(tmp_path, 'closures = ["2027-03-11 announced 2027-03-02"]')
        assert is_session(date(2027, 3, 10))
        assert not is_session(date(2027, 3, 11))
    finally:
        set_closures([])
    with pytest.raises(
        SettingsError, match=r"setting closures: .* 2026-12-09 announced 2026-12-01"
    ):
        load(tmp_path, closures="2027-03-10")


@pytest.mark.parametrize(
    ("name", "replacement"),
    [
        ("level", "plan.chain.surface.at_the_money names"),
        ("level_power", "solved from the index"),
        ("level_term", "iv_scale move it"),
        ("smile", "plan.chain.surface.smiles has c, p, q, rho and wing"),
        ("skew_fade", "plan.chain.surface.smiles has"),
    ],
)
def test_a_setting_of_the_former_surface_is_answered_with_what_replaced_it(
    tmp_path, name, replacement
):
    (tmp_path / "options.toml").write_text(f"[plan.chain.surface]\n{name} = 1.0\n")
    with pytest.raises(SettingsError, match=f"{name} is no longer a setting: .*{replacement}"):
        load_settings(tmp_path, {})


def test_a_ticker_on_its_own_chains_has_an_index_at_the_money(tmp_path):
    (tmp_path / "options.toml").write_text('[iv_symbol]\nSPY = "CHAIN"\n')
    assert load_settings(tmp_path, {}).plan.chain.surface.at_the_money == ("SPY",)
    assert load_settings(tmp_path / "none", {}).plan.chain.surface.at_the_money == ()


def test_numbers_of_a_smile_that_allow_arbitrage_are_refused_with_the_reason(tmp_path):
    text = "[plan.chain.surface.smiles]\nSPY = {c = 0.8, p = 9.0, q = 0.7, rho = -0.66}\n"
    (tmp_path / "options.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"a smile needs -q/2 <= p <= 3\.5"):
        load_settings(tmp_path, {})


def test_variables_keep_the_capitals_of_a_ticker_wherever_it_is_a_key(tmp_path):
    names = {"GROUPS__WEIGHTS__AAPL": "0.07", "RISK__BETAS__AAPL": "1.2", "IV_SYMBOL__AAPL": "VIX",
             "EARNINGS__TIMING__AAPL": "before_open", "REQUESTS_PER_MINUTE__YAHOO": "5",
             "TICKERS": "SPY,AAPL"}  # fmt: skip
    settings = load_settings(tmp_path, {f"OPTIONS_{name}": text for name, text in names.items()})
    assert (settings.groups.weights, settings.risk.betas) == ({"AAPL": 0.07}, {"AAPL": 1.2})
    assert (settings.iv_symbol, settings.earnings.timing) == (
        {"AAPL": "VIX"}, {"AAPL": "before_open"},
    )  # fmt: skip
    assert settings.requests_per_minute["yahoo"] == 5


def test_a_group_of_an_own_ticker_stands_beside_the_default_ones():
    settings = make_settings(
        {"risk": {"groups": {"AAPL": "tech"}}, "groups": {"peers": {"XYZ": "banks"}}}
    )
    assert settings.risk.group("AAPL") == "tech"
    assert settings.risk.group("SPY") == settings.risk.group("QQQ") == "us_equity_index"
    assert settings.groups.peers["XYZ"] == "banks"
    assert settings.groups.peers["AAPL"] == "megacap_tech"
    with pytest.raises(SettingsError, match="unknown setting"):
        make_settings({"plan": {"sizing": {"regime_multiplier": {"hgh_vol": 0.5}}}})
