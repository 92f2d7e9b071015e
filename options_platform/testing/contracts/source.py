"""What every source of bars and indices must hold."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

import pytest

from options_platform.adapters.ports.market_data import BAR_SCHEMA, INDEX_SCHEMA, MarketDataSource
from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.market.bars import clean_bars
from options_platform.errors import PlatformError, ShortHistoryError, SourceError
from options_platform.settings.sources import SOURCE_NAMES, proxy_sources, source_entry
from options_platform.testing.market import NOW


class SourceContract:
    """Derive a test class from it that says what the source has.

    `ticker` and `index` are given for every session from `start` to `end`, on which both end.
    """

    name: ClassVar[str]
    ticker: ClassVar[str]
    index: ClassVar[str]
    start: ClassVar[date]
    end: ClassVar[date]

    @pytest.fixture
    def source(self) -> MarketDataSource:
        """The source, opened as the platform does."""
        return open_source(self.name, SourceOptions())

    def test_it_is_found_by_its_entry_point(self, source: MarketDataSource) -> None:
        entry = source_entry(self.name)
        assert entry is not None
        assert self.name in SOURCE_NAMES
        assert source.info.name == self.name
        assert source.info.label
        assert source.info.proxy == (self.name in proxy_sources())
        assert source.info.last_date == entry.end

    def test_bars_have_the_ports_schema_and_cover_the_range(self, source: MarketDataSource) -> None:
        bars = source.bars(self.ticker, self.start, self.end)
        assert bars.schema == BAR_SCHEMA
        assert bars["date"].to_list() == sessions(self.start, self.end)
        assert bars.select("ticker", "source").unique().rows() == [(self.ticker, self.name)]

    def test_a_shorter_range_gives_the_same_bars(self, source: MarketDataSource) -> None:
        later = shift(self.start, 5)
        whole = source.bars(self.ticker, self.start, self.end)
        part = source.bars(self.ticker, later, self.end)
        # The factor counts from the last bar asked for.
        assert (
            whole.filter(whole["date"] >= later)
            .drop("split_factor")
            .equals(part.drop("split_factor"))
        )

    def test_none_of_its_bars_is_set_aside(self, source: MarketDataSource) -> None:
        days = sessions(self.start, self.end)
        raw = source.bars(self.ticker, self.start, self.end)
        cleaned = clean_bars(raw, days, self.name, NOW)
        assert cleaned.quarantined.is_empty()
        assert RAW_OHLCV.validate(cleaned.rows).height == len(days)

    def test_index_bars_have_the_ports_schema(self, source: MarketDataSource) -> None:
        closes = source.index_bars(self.index, self.start, self.end)
        assert closes.schema == INDEX_SCHEMA
        assert closes["close"].null_count() == 0
        assert closes["date"].is_between(self.start, self.end).all()

    def test_a_history_that_ends_early_is_an_error_with_its_bars(
        self, source: MarketDataSource
    ) -> None:
        if source.info.proxy:
            return
        with pytest.raises(ShortHistoryError, match=self.ticker) as error:
            source.bars(self.ticker, self.start, shift(self.end, 5))
        assert "\n" not in str(error.value)
        assert error.value.bars["date"].to_list() == sessions(self.start, self.end)

    def test_an_index_after_its_last_close_is_an_error(self, source: MarketDataSource) -> None:
        after = shift(self.end, 1)
        with pytest.raises(SourceError, match=self.index) as error:
            source.index_bars(self.index, after, after)
        assert "\n" not in str(error.value)

    def test_missing_data_is_a_one_line_error_not_an_empty_frame(
        self, source: MarketDataSource
    ) -> None:
        for ask in (source.bars, source.index_bars):
            with pytest.raises(SourceError, match="NOSUCH") as error:
                ask("NOSUCH", self.start, self.end)
            assert "\n" not in str(error.value)

    def test_hostile_symbols_are_refused(self, source: MarketDataSource) -> None:
        for symbol in ("../x", "'; drop table"):
            for ask in (source.bars, source.index_bars):
                with pytest.raises(PlatformError) as error:
                    ask(symbol, self.start, self.end)
                assert "\n" not in str(error.value)
