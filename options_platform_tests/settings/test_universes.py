"""The setting `tickers` names tickers and universes."""

from datetime import date

import pytest

from options_platform.errors import SettingsError
from options_platform.settings import Settings, load_settings
from options_platform.settings.origins import origins
from options_platform.settings.universes import chosen_in_hindsight

LISTED = date(2012, 5, 18)
MINE = '[universes]\nmine = ["KO", "META from 2015-01-02", "SPY from 2010-01-04"]\n'


@pytest.fixture
def load(tmp_path):
    def read(toml="", **environment):
        (tmp_path / "options.toml").write_text(toml)
        return load_settings(tmp_path, {f"OPTIONS_{k}": v for k, v in environment.items()})

    return read


def test_without_a_universe_the_tickers_are_as_they_were(load):
    settings = load()
    assert settings.tickers == ("SPY", "QQQ", "IWM")
    assert (settings.members_since, settings.chosen_universes) == ({}, ())
    assert load("", SOURCE="sample").tickers == ("SPY", "QQQ")


def test_a_universe_stands_for_its_tickers_in_order_and_each_once(load):
    settings = load('tickers = ["QQQ", "index_etfs", "mega_caps"]\n')
    assert settings.tickers[:4] == ("QQQ", "SPY", "IWM", "DIA")
    assert settings.tickers[4:] == ("AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META")
    assert settings.members_since == {"META": LISTED}
    assert load("", TICKERS="SPY, mega_caps").tickers[:2] == ("SPY", "AAPL")


def test_a_universe_of_ones_own_stands_beside_the_built_in_ones(load):
    settings = load(f'tickers = ["SPY", "mine", "mega_caps"]\n{MINE}')
    assert {"mine", "index_etfs", "mega_caps"} == set(settings.universes)
    # SPY is named by itself too, so it is always a member; META has the earlier of two dates.
    assert settings.members_since == {"META": LISTED}
    assert load(MINE, TICKERS="mine").members_since["META"] == date(2015, 1, 2)
    by_variable = load("", TICKERS="few", UNIVERSES__FEW="KO,PEP from 2020-01-02")
    assert by_variable.tickers == ("KO", "PEP")
    assert by_variable.members_since == {"PEP": date(2020, 1, 2)}


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('tickers = ["mega_cap"]', "neither a ticker.* did you mean mega_caps"),
        ('tickers = ["zzz"]', "known are index_etfs, mega_caps"),
        ('tickers = ["mega_caps", "mega_caps"]', "twice"),
        ("[universes]\nBig = ['KO']", "universes.Big: .* small letters"),
        ("[universes]\nmine = []", "universes.mine: at least one"),
        ("[universes]\nmine = ['ko']", "'ko' is no ticker; write AAPL"),
        ("[universes]\nmine = ['KO', 'KO from 2020-01-02']", "'KO' is listed twice"),
        ("[universes]\nmine = ['KO from May']", "write KO from 2012-05-18"),
        ("[universes]\nmine = 'KO'", "setting universes.mine"),
    ],
)
def test_what_is_no_universe_is_refused_in_one_line(load, toml, said):
    with pytest.raises(SettingsError, match=said) as error:
        load(toml)
    assert "\n" not in str(error.value)


def test_the_origin_of_the_tickers_names_their_universes(tmp_path, load):
    settings = load('tickers = ["SPY", "mega_caps"]\n')
    (row,) = [row for row in origins(settings, tmp_path, {}) if row.name == "tickers"]
    assert (row.value[1], row.origin) == ("AAPL", "options.toml, universe mega_caps")


def test_a_stock_is_chosen_in_hindsight_unless_a_universe_of_ones_own_dates_it(load):
    settings = load('tickers = ["SPY", "mega_caps", "KO"]\n')
    late = chosen_in_hindsight(settings.tickers, settings.members_since)
    assert late == ["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META", "KO"]
    dated = load(MINE, TICKERS="mine,XYZ")
    assert chosen_in_hindsight(dated.tickers, dated.members_since, ["XYZ"]) == ["KO"]
    assert chosen_in_hindsight(Settings().tickers, {}) == []
