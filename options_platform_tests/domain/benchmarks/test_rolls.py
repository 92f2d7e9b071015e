from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.benchmarks import index_history, instants, roll_days, roll_periods
from options_platform.domain.benchmarks.rolls import dividends_of
from options_platform_tests.benchmark_history import FEBRUARY, JANUARY, MARCH, spot_history


def days(*dates):
    return np.array(dates, dtype="datetime64[D]")


def test_options_are_rolled_on_third_fridays_or_the_session_before():
    # Good Friday was the third Friday of April 2014.
    rolls = roll_days(date(2014, 3, 31), date(2014, 5, 30))
    assert rolls.tolist() == [date(2014, 3, 21), date(2014, 4, 17), date(2014, 5, 16)]


def test_the_first_roll_is_on_or_before_the_first_day():
    assert roll_days(FEBRUARY, FEBRUARY).tolist() == [FEBRUARY]
    assert roll_days(date(2015, 2, 19), FEBRUARY).tolist() == [JANUARY, FEBRUARY]


def test_options_live_from_the_hour_of_the_roll_to_the_open_of_the_next_third_friday():
    history = spot_history()
    for hour, elapsed in (("open", 0.0), ("midday", 3.25), ("close", 6.5)):
        period = roll_periods(history, days(JANUARY, FEBRUARY), hour)
        assert period.expiry.tolist() == [FEBRUARY, MARCH]
        years = period.start.years_to_open(period.expiry)
        assert years == pytest.approx(np.array([35, 28]) / 365 - elapsed / 24 / 365)


def test_midday_is_the_mean_of_open_and_close():
    history = spot_history(opens={JANUARY: 980.0}, closes={JANUARY: 1000.0})
    assert instants(history, days(JANUARY), "open").spot == pytest.approx([980.0])
    assert instants(history, days(JANUARY), "midday").spot == pytest.approx([990.0])
    assert instants(history, days(JANUARY), "close").spot == pytest.approx([1000.0])


def test_a_session_without_a_price_is_refused_by_its_date():
    with pytest.raises(ValueError, match="no price of the index on 2015-01-17"):
        instants(spot_history(), days(date(2015, 1, 17)), "open")


def test_dividends_are_taken_from_the_steps_of_the_adjusted_price(reference_data):
    prices = pl.read_csv(reference_data / "prices/SPY.csv", try_parse_dates=True)
    real = pl.read_csv(reference_data / "prices/SPY_dividends.csv", try_parse_dates=True)
    reckoned = dividends_of(prices).filter(pl.col("ex_date") >= real["ex_date"].min())
    assert reckoned["ex_date"].to_list() == real["ex_date"].to_list()
    gaps = reckoned["cash_amount"] - real["cash_amount"]
    assert gaps.abs().max() < 0.005


def test_without_the_dividend_that_spy_holds_it_follows_the_index_more_closely(reference_data):
    # Closes of the S&P 500 of 2017-01 to 2017-05, from a vendor's option quotes.
    quotes = pl.read_csv(reference_data / "options/spx/SPX_2017-01_sample.csv")
    real = quotes.select(
        date=pl.col("quotedate").str.to_date(), index="underlying_last"
    ).unique()  # fmt: skip
    prices = pl.read_csv(reference_data / "prices/SPY.csv", try_parse_dates=True)
    vix = pl.read_csv(reference_data / "vol/VIX.csv", try_parse_dates=True)
    nothing = pl.lit(None, dtype=pl.Float64)
    volatility = vix.select(
        "date", vix_open="open", vix="close", vix9d=nothing, vix3m=nothing, vix6m=nothing
    )
    yields = pl.DataFrame(schema={"date": pl.Date, "yield_pct": pl.Float64})
    history = index_history(prices, volatility, yields)
    both = real.join(history, on="date").join(
        prices.select("date", spy=10.0 * pl.col("close")), on="date"
    )
    assert both.height > 90
    spread = {
        name: float((both["index"] / both[name]).std()) for name in ("close", "spy")
    }  # fmt: skip
    assert spread["close"] < 0.5 * spread["spy"]
    assert float((both["index"] / both["close"]).mean()) == pytest.approx(1.0, abs=0.005)
