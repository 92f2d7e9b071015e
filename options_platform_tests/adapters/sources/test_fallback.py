import logging
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.adapters.ports.market_data import (
    BAR_SCHEMA,
    EARNINGS_SCHEMA,
    INDEX_SCHEMA,
    SOURCE_CHAIN_SCHEMA,
    SourceInfo,
)
from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.sources.fallback import FallbackSource
from options_platform.errors import SettingsError, SourceError, UsageError
from options_platform.settings import load_settings

SPAN = (date(2024, 6, 10), date(2024, 7, 10))
NOW = datetime(2024, 7, 11, 12, tzinfo=UTC)


class Given:
    """A source with its answers in memory; `fails` makes it raise."""

    def __init__(self, name, *, fails=False, **info):
        kinds = frozenset({"bars", "index", "chain", "earnings"})
        plain = SourceInfo(name, name.title(), False, None, None, kinds=kinds)
        self.info = replace(plain, **info)
        self.fails = fails
        self.asked = []

    def _give(self, what, schema, **row):
        self.asked.append(what)
        if self.fails:
            raise SourceError(f"{self.info.name} is down")
        given = {**dict.fromkeys(schema.names()), **row, "source": self.info.name}
        return pl.DataFrame([given], schema=schema)

    def bars(self, ticker, start, end):
        return self._give("bars", BAR_SCHEMA, date=end, ticker=ticker)

    def index_bars(self, symbol, start, end):
        return self._give("index", INDEX_SCHEMA, date=end, symbol=symbol)

    def option_chain(self, ticker, session, now):
        return self._give("chain", SOURCE_CHAIN_SCHEMA, ticker=ticker)

    def earnings(self, ticker, start, end):
        return self._give("earnings", EARNINGS_SCHEMA, date=end, ticker=ticker)


ASK = {
    "bars": lambda source: source.bars("SPY", *SPAN),
    "index": lambda source: source.index_bars("VIX", *SPAN),
    "chain": lambda source: source.option_chain("SPY", SPAN[1], NOW),
    "earnings": lambda source: source.earnings("SPY", *SPAN),
}


@pytest.mark.parametrize("kind", ASK)
def test_only_the_first_source_is_asked_while_it_answers(kind):
    first, second = Given("first"), Given("second")
    given = ASK[kind](FallbackSource([first, second]))
    assert given["source"].to_list() == ["first"]
    assert second.asked == []


@pytest.mark.parametrize("kind", ASK)
def test_a_fallback_is_named_in_each_row_and_logged_with_the_cause(kind, caplog):
    source = FallbackSource([Given("first", fails=True), Given("second")])
    with caplog.at_level(logging.WARNING):
        assert ASK[kind](source)["source"].to_list() == ["second"]
    (record,) = caplog.records
    assert "second stood in (first is down)" in record.getMessage()
    assert "SPY" in record.getMessage() or "VIX" in record.getMessage()


@pytest.mark.parametrize("kind", ASK)
def test_if_all_sources_fail_the_error_names_every_cause(kind):
    source = FallbackSource([Given("first", fails=True), Given("second", fails=True)])
    with pytest.raises(SourceError, match=r"first is down \| second is down"):
        ASK[kind](source)


@pytest.mark.parametrize("adjustment", ["none", "split_and_dividend"])
def test_bars_with_another_adjustment_are_never_a_fallback(adjustment):
    other = Given("second", adjustment=adjustment)
    source = FallbackSource([Given("first", fails=True), other, Given("third")])
    assert ASK["bars"](source)["source"].to_list() == ["third"]
    assert other.asked == []
    # What is quoted as traded, or no price at all, does not depend on it.
    assert ASK["chain"](source)["source"].to_list() == ["second"]


def test_an_unpublished_index_has_no_fallback():
    first, second = Given("first", fails=True), Given("second")
    source = FallbackSource([first, second])
    with pytest.raises(SourceError, match=r"^first is down$"):
        source.index_bars("MYIV", *SPAN)
    assert second.asked == []
    assert source.index_bars("VXN", *SPAN)["symbol"].to_list() == ["VXN"]


def test_data_that_the_first_source_does_not_offer_come_from_the_next_without_a_warning(caplog):
    first = Given("first", kinds=frozenset({"bars"}))
    source = FallbackSource([first, Given("second")])
    with caplog.at_level(logging.WARNING):
        assert ASK["index"](source)["source"].to_list() == ["second"]
    assert first.asked == []
    assert caplog.records == []
    assert source.info.kinds == {"bars", "index", "chain", "earnings"}


def test_data_that_no_source_offers_are_an_error_with_advice():
    bars_alone = {"kinds": frozenset({"bars"})}
    source = FallbackSource([Given("first", **bars_alone), Given("second", **bars_alone)])
    with pytest.raises(SourceError, match="OPTIONS_FALLBACK_SOURCES"):
        ASK["chain"](source)


def test_a_fallback_is_not_asked_for_a_ticker_that_it_does_not_have():
    other = Given("second", tickers=("QQQ",))
    source = FallbackSource([Given("first", fails=True), other])
    with pytest.raises(SourceError, match="first is down"):
        ASK["bars"](source)
    assert other.asked == []


def test_a_mistake_of_the_user_does_not_trigger_a_fallback():
    source = open_source("yahoo", SourceOptions(csv_dir=".", fallbacks=("csv",)))
    with pytest.raises(UsageError):
        source.bars("../x", *SPAN)


@pytest.mark.parametrize(("first", "other"), [("yahoo", "simulated"), ("sample", "yahoo")])
def test_real_data_and_proxies_never_replace_each_other(first, other):
    with pytest.raises(SourceError, match=f"{other} cannot stand in for {first}"):
        open_source(first, SourceOptions(fallbacks=(other,)))


def test_the_order_is_a_setting(tmp_path):
    environment = {"OPTIONS_FALLBACK_SOURCES": "alpaca, csv", "OPTIONS_CSV_DIR": "."}
    settings = load_settings(tmp_path, environment)
    assert settings.fallback_sources == ("alpaca", "csv")
    assert settings.requests_per_minute == {"yahoo": 60, "alpaca": 180}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"OPTIONS_FALLBACK_SOURCES": "yahoo"}, "each source once"),
        ({"OPTIONS_FALLBACK_SOURCES": "alpaca,alpaca"}, "each source once"),
        ({"OPTIONS_FALLBACK_SOURCES": "bloomberg"}, "setting fallback_sources"),
        ({"OPTIONS_FALLBACK_SOURCES": "csv"}, "OPTIONS_CSV_DIR"),
        ({"OPTIONS_REQUESTS_PER_MINUTE__YAHOO": "0"}, "at least 1"),
        ({"OPTIONS_REQUESTS_PER_MINUTE__YAHO": "5"}, "did you mean yahoo"),
    ],
)
def test_an_impossible_order_of_sources_is_refused_in_one_line(tmp_path, environment, message):
    with pytest.raises(SettingsError, match=message):
        load_settings(tmp_path, environment)


def test_one_limit_can_be_set_and_the_other_stays(tmp_path):
    settings = load_settings(tmp_path, {"OPTIONS_REQUESTS_PER_MINUTE__YAHOO": "5"})
    assert settings.requests_per_minute == {"yahoo": 5, "alpaca": 180}


def test_the_start_of_alpacas_history_is_its_first_bar(tmp_path):
    assert load_settings(tmp_path, {"OPTIONS_SOURCE": "alpaca"}).start == date(2016, 1, 4)
