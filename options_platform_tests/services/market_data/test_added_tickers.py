"""What adding a ticker to a home is said to do."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.contracts import DIRECTION_MODEL, VOLATILITY_MODEL
from options_platform.errors import ShortHistoryError, UsageError
from options_platform.services.market_data.added_tickers import addition, require_bars
from options_platform.services.market_data.platform import make_platform
from options_platform.settings import make_settings
from options_platform_tests.scripted import FIRST, LAST, ScriptedSource

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def predictions(table, *months):
    """A row of each month, with nothing but its key and its fold."""
    rows = [{"date": date(2024, int(month[-2:]), 1), "fold": month} for month in months]
    return pl.DataFrame(rows).with_columns(
        pl.lit(None).alias(name) for name in table.schema.names() if name not in ("date", "fold")
    )


def test_the_folds_that_all_tickers_share_are_named_with_their_number(tmp_path):
    settings = make_settings(
        {"home": tmp_path, "source": "simulated", "tickers": ["SPY"], "end": date(2024, 3, 28)}
    )
    platform = make_platform(settings)

    def said(*tickers):
        return addition(settings, platform.warehouse, platform.source(), tickers, NOW).in_words()

    assert "none is trained yet" in said("KO")[-1]
    for table, months in ((DIRECTION_MODEL, ("2024-01", "2024-02", "2024-03")),
                          (VOLATILITY_MODEL, ("2024-02", "2024-03"))):  # fmt: skip
        rows = predictions(table, *months).with_columns(ticker=pl.lit("SPY"))
        platform.warehouse.write([(table, rows.select(table.schema.names()).cast(table.schema))])
    history, of_fund, of_stock, models = said("DIA", "KO")
    assert history.endswith("to 2024-03-28, from simulated, as far as it was listed.")
    assert of_fund.startswith("Volatility of DIA: ")
    assert of_stock.startswith("Volatility of KO: MODEL, from its returns, the VIX and")
    assert "up to 3 of direction_model and 2 of volatility_model, 2024-01 to 2024-03" in models


def test_a_ticker_without_any_bar_is_refused_and_a_delisted_one_is_not():
    class Ending(ScriptedSource):
        def bars(self, ticker, start, end):
            bars = super().bars(ticker, start, end)
            if bars.is_empty() or bars["date"].max() < end:
                raise ShortHistoryError(f"{ticker} ends early", bars)
            return bars

    source = Ending("SPY", "OLD", "TYPO")
    source.history["OLD"] = source.history["OLD"].head(50)
    source.history["TYPO"] = source.history["TYPO"].clear()
    require_bars(source, ["SPY", "OLD"], FIRST, LAST)
    with pytest.raises(UsageError, match="TYPO: scripted has no bar from"):
        require_bars(source, ["SPY", "TYPO"], FIRST, LAST)
