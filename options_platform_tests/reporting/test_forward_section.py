from dataclasses import replace
from datetime import UTC, datetime

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.reporting.forward_section import forward_section
from options_platform.reporting.report import environment
from options_platform.services.forward.results import Expected
from options_platform.settings import make_settings
from options_platform_tests.forward_links import chain_bytes

NOW = datetime(2015, 1, 9, 12, tzinfo=UTC)
DATA = chain_bytes()


@pytest.fixture
def settings(tmp_path):
    return make_settings({"home": tmp_path, "source": "simulated"})


def section_of(settings):
    return forward_section(settings, Warehouse(settings.warehouse_path), NOW)


def rendered(section):
    return environment().get_template("forward.html.j2").render(forward=section)


def test_a_home_without_links_says_how_the_record_begins(settings):
    assert "options-platform daily" in rendered(section_of(settings))


def test_each_set_is_shown_with_its_gaps_apart_from_what_the_backtest_expects(settings):
    settings.forward_record_path.write_bytes(DATA)
    section = section_of(settings)
    head = section["head"].hash
    expected = Expected(1.5, 20.0, 100_000.0, 0.8, 0.1, 1.4)
    first = replace(section["results"][0], expected=expected, sharpe=0.5, sharpe_low=-0.2,
                    sharpe_high=1.1, modelled=1.0)  # fmt: skip
    page = rendered({**section, "results": [first, *section["results"][1:]]})
    assert f"<code>{head}</code>" in page
    # The chain alone proves neither of these.
    assert "not changed since" not in page
    assert "record --verify --head HASH" in page
    assert "first link: fill model default (slippage share 0.5), fees of 0.65 USD" in page
    assert "premium_ladder" in page
    assert "0.10 to 1.40" in page
    assert "-0.20 to 1.10" in page
    assert "no backtest of these rules is stored" in page
    assert "plan: 1 session not recorded before the open: 2015-01-07." in page


def test_of_many_gaps_the_newest_are_named_and_the_others_counted(settings):
    settings.forward_record_path.write_bytes(DATA)
    later = datetime(2015, 2, 2, 12, tzinfo=UTC)
    page = rendered(forward_section(settings, Warehouse(settings.warehouse_path), later))
    assert (
        "plan: 16 sessions not recorded before the open, last: 2015-01-23, 2015-01-26, "
        "2015-01-27, 2015-01-28, 2015-01-29." in page
    )
    assert "2015-01-07" not in page


def test_nothing_is_shown_of_a_record_that_was_altered(settings):
    settings.forward_record_path.write_bytes(DATA.replace(b'"votes"', b'"Votes"', 1))
    page = rendered(section_of(settings))
    assert "Nothing is shown." in page
    assert "link 1 (session 2015-01-02, rule set plan)" in page
    assert "<table>" not in page
