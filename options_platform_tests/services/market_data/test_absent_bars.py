"""Tickers without a bar of the session: halted, delisted, not listed yet."""

from datetime import date

import polars as pl
import pytest

from options_platform.adapters.sources.fallback import FallbackSource
from options_platform.contracts import QUARANTINE, RAW_OHLCV
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.errors import ShortHistoryError
from options_platform.services.market_data.bars import UpdateRequest, update_bars
from options_platform.services.market_data.listing import listed_pool, unlisted
from options_platform_tests.scripted import FIRST, LAST, ScriptedSource
from options_platform_tests.updating import NOW, Market


class EndingSource(ScriptedSource):
    """Like the platform's sources, it raises if a history ends before the range."""

    def cut(self, ticker, *, first=FIRST, last=LAST):
        whole = self.history[ticker]
        self.history[ticker] = whole.filter(pl.col("date").is_between(first, last))

    def bars(self, ticker, start, end):
        given = super().bars(ticker, start, end)
        newest = max(self.history[ticker]["date"].to_list(), default=None)
        if newest is None or newest < end:
            raise ShortHistoryError(f"{ticker} ends {newest}, before {end}", given)
        return given


@pytest.fixture
def market(tmp_path):
    found = Market(tmp_path, "SPY", "QQQ")
    found.source = EndingSource("SPY", "QQQ")
    return found


def run(market, start=FIRST, end=LAST, tickers=("SPY", "QQQ")):
    asked = UpdateRequest(start, end, tuple(tickers), FIRST, 10, pool=("SPY", "QQQ"))
    update = update_bars(market.source, market.warehouse, asked, NOW)
    if len(update.failures) < len(tickers):
        market.warehouse.write(update.frames(RAW_OHLCV))
    return update


def reasons(market, ticker):
    rows = market.rows(ticker=ticker)
    return dict(rows.select("date", "bad_reason").iter_rows())


def values(market):
    return market.rows().drop("fetched_at")


@pytest.mark.parametrize("halted", ["SPY", "QQQ"])
def test_a_halted_ticker_is_missing_and_the_others_have_their_bar(market, halted):
    run(market, end=shift(LAST, -1))
    market.source.cut(halted, last=shift(LAST, -1))
    run(market, LAST, LAST)
    other = "QQQ" if halted == "SPY" else "SPY"
    assert reasons(market, halted)[LAST] == "missing"
    assert reasons(market, other)[LAST] is None
    entries = market.rows(QUARANTINE, ticker=halted)
    assert entries.select("date", "rule", "status").rows() == [(LAST, "missing", "open")]


def test_a_bar_that_comes_a_day_late_is_stored_and_closes_the_quarantine_entry(market):
    whole = market.source.history["QQQ"]
    day = shift(LAST, -1)
    market.source.cut("QQQ", last=shift(day, -1))
    run(market, end=day)
    market.source.history["QQQ"] = whole
    update = run(market, LAST, LAST)
    assert reasons(market, "QQQ")[day] is None
    assert update.outside.rows() == [(day, "QQQ")]
    assert market.rows(QUARANTINE)["status"].to_list() == ["rejected"]


def test_if_no_ticker_has_the_session_the_source_is_late_and_nothing_is_stored(market):
    run(market, end=shift(LAST, -1))
    before = values(market)
    for ticker in ("SPY", "QQQ"):
        market.source.cut(ticker, last=shift(LAST, -1))
    update = run(market, LAST, LAST)
    assert set(update.failures) == {"SPY", "QQQ"}
    assert f"SPY ends {shift(LAST, -1)}" in str(update.failures["SPY"])
    assert values(market).equals(before)


def test_a_run_of_one_ticker_of_a_pool_relies_on_bars_of_the_others_or_the_vix(market):
    market.source.cut("QQQ", last=shift(LAST, -1))
    run(market, tickers=["QQQ"])
    assert reasons(market, "QQQ")[LAST] == "missing"
    assert any(symbol == "VIX" for symbol, *_ in market.source.asked)
    market.source.indices["VIX"] = market.source.indices["VIX"].filter(pl.col("date") < LAST)
    run(market, tickers=["SPY"])
    market.source.forget()
    run(market, LAST, LAST, tickers=["QQQ"])
    assert not any(symbol == "VIX" for symbol, *_ in market.source.asked)


def test_a_pool_of_one_ticker_does_not_trade_on_the_vix_alone(market):
    market.source.cut("SPY", last=shift(LAST, -1))
    asked = UpdateRequest(FIRST, LAST, ("SPY",), FIRST, 10, pool=("SPY",))
    update = update_bars(market.source, market.warehouse, asked, NOW)
    assert "SPY ends" in str(update.failures["SPY"])


def test_a_backfill_spans_a_delisted_and_a_newly_listed_ticker(market):
    listed, delisted = date(2023, 11, 15), date(2023, 6, 30)
    market.source.cut("SPY", first=listed)
    market.source.history["OLD"] = market.source.history["QQQ"].with_columns(ticker=pl.lit("OLD"))
    market.source.cut("OLD", last=delisted)
    run(market, tickers=["SPY", "QQQ", "OLD"])
    assert min(reasons(market, "SPY")) == listed
    assert set(reasons(market, "SPY").values()) == {None}
    gone = reasons(market, "OLD")
    assert list(gone) == sessions(FIRST, LAST)
    assert {day for day, rule in gone.items() if rule == "missing"} == set(
        sessions(shift(delisted, 1), LAST)
    )


@pytest.mark.parametrize("cut", [date(2023, 6, 15), date(2023, 10, 2), date(2023, 11, 16)])
def test_the_rows_of_delisted_and_newly_listed_tickers_do_not_depend_on_the_runs(
    market, tmp_path, cut
):
    other = Market(tmp_path / "other", "SPY", "QQQ")
    (tmp_path / "other").mkdir()
    for each in (market, other):
        each.source = EndingSource("SPY", "QQQ", "NEW", "OLD")
        each.source.cut("NEW", first=date(2023, 11, 15))
        each.source.cut("OLD", last=date(2023, 6, 30))
    every = ["SPY", "QQQ", "NEW", "OLD"]
    run(market, tickers=every)
    run(other, end=cut, tickers=every)
    for ticker in every:
        run(other, shift(cut, 1), LAST, tickers=[ticker])
    assert values(other).equals(values(market))


def test_a_ticker_that_was_asked_for_and_has_no_bar_yet_is_not_listed(market):
    market.source.cut("SPY", first=date(2023, 11, 15))
    update = run(market, end=date(2023, 10, 31))
    assert update.rows["ticker"].unique().to_list() == ["QQQ"]
    pool = ("SPY", "QQQ", "NEVER")
    assert unlisted(market.warehouse, pool, date(2023, 10, 31)) == ("SPY",)
    # One that was never asked about, or not up to the session, has rows that are missing.
    assert listed_pool(market.warehouse, pool, date(2023, 10, 31)) == ("QQQ", "NEVER")
    assert unlisted(market.warehouse, pool, date(2023, 11, 1)) == ()


def test_a_run_of_an_unlisted_ticker_stores_only_its_request(market):
    market.source.cut("SPY", first=date(2023, 11, 15))
    update = run(market, end=date(2023, 10, 31), tickers=["SPY"])
    assert update.rows.is_empty()
    assert market.rows().is_empty()
    assert unlisted(market.warehouse, ("SPY",), date(2023, 10, 31)) == ("SPY",)


def test_a_ticker_without_any_bar_ever_fails_and_the_others_are_stored(market):
    market.source.history["TYPO"] = market.source.history["SPY"].clear()
    update = run(market, tickers=["SPY", "TYPO"])
    assert {t: str(error) for t, error in update.failures.items()} == {
        "TYPO": f"TYPO ends None, before {LAST}"
    }
    assert set(market.rows()["ticker"]) == {"SPY"}


def test_a_fallback_provides_the_bar_that_the_first_source_is_missing(market):
    first, second = EndingSource("SPY"), EndingSource("SPY", name="second")
    first.cut("SPY", last=shift(LAST, -1))
    both = FallbackSource([first, second])
    assert both.bars("SPY", FIRST, LAST)["date"].max() == LAST
    second.cut("SPY", last=shift(LAST, -5))
    with pytest.raises(ShortHistoryError) as short:
        both.bars("SPY", FIRST, LAST)
    assert short.value.bars["date"].max() == shift(LAST, -1)
