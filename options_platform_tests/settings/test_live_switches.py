"""What makes trading live stands in the file; the environment may only make it safer."""

import pytest

from options_platform.errors import SettingsError
from options_platform.settings import load_settings

LIVE = 'broker = "alpaca"\n[alpaca]\nlive = true\naccounts = ["123"]\n'
LIVE_ELSEWHERE = '[alpaca]\nlive = true\naccounts = ["123"]\n'
PAPER = 'broker = "alpaca"\n'


@pytest.fixture
def load(tmp_path):
    def loaded(toml, **environment):
        (tmp_path / "options.toml").write_text(toml)
        return load_settings(tmp_path, environment)

    return loaded


def test_the_file_makes_trading_live(load):
    assert load(LIVE).is_live


@pytest.mark.parametrize(
    ("toml", "environment", "said"),
    [
        (PAPER, {"OPTIONS_ALPACA__LIVE": "true"}, "live = true under [alpaca] in options.toml"),
        (PAPER, {"OPTIONS_ALPACA__LIVE": "1"}, "live = true"),
        (PAPER, {"OPTIONS_alpaca__Live": "yes"}, "live = true"),
        (LIVE, {"OPTIONS_ALPACA__LIVE": "true"}, "live = true"),
        (PAPER, {"OPTIONS_ALPACA__ACCOUNTS": "123"}, 'accounts = ["NUMBER"] under [alpaca]'),
        (LIVE, {"OPTIONS_ALPACA__ACCOUNTS": "124"}, "accounts"),
        (LIVE, {"OPTIONS_ALPACA__ACCOUNTS": "none"}, "accounts"),
        (LIVE_ELSEWHERE, {"OPTIONS_BROKER": "alpaca"}, 'broker = "alpaca" at the top'),
        (LIVE, {"OPTIONS_ALPACA__LIVE_MAX_ORDER_USD": "501"}, "it is 500.0 now"),
        (LIVE, {"OPTIONS_ALPACA__LIVE_MAX_ORDER_USD": "nan"}, "may only lower it"),
        (LIVE, {"OPTIONS_ALPACA__LIVE_MAX_ORDER_USD": "inf"}, "may only lower it"),
        (
            "",
            {
                "OPTIONS_BROKER": "alpaca",
                "OPTIONS_ALPACA__LIVE": "true",
                "OPTIONS_ALPACA__ACCOUNTS": "123",
                "OPTIONS_LIVE_MONEY": "123",
            },
            "options.toml",
        ),
    ],
)
def test_a_variable_that_makes_trading_live_or_riskier_is_refused(load, toml, environment, said):
    with pytest.raises(SettingsError) as error:
        load(toml, **environment)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("off", ["false", "0", "off", "No"])
def test_a_variable_may_switch_live_trading_off(load, off):
    assert not load(LIVE, OPTIONS_ALPACA__LIVE=off).is_live


def test_a_variable_may_choose_the_simulated_broker_a_lower_cap_and_the_paper_account(load):
    assert not load(LIVE, OPTIONS_BROKER="simulated").is_live
    assert load(LIVE, OPTIONS_ALPACA__LIVE_MAX_ORDER_USD="100").alpaca.live_max_order_usd == 100
    assert load(LIVE, OPTIONS_BROKER="alpaca").is_live
    assert load("", OPTIONS_BROKER="alpaca", OPTIONS_ALPACA__LIVE="").broker == "alpaca"
    assert load(PAPER, OPTIONS_ALPACA__LIVE_MAX_ORDER_USD="900").alpaca.live_max_order_usd == 900
