"""The measured error of synthetic volatilities, by what a ticker is priced on."""

import polars as pl
import pytest

from options_platform.domain.chain.vol_errors import (
    MARKET_ERRORS,
    VOL_ERRORS,
    market_note,
    vol_error,
)
from tools.calibration.load import load
from tools.calibration.market_level import market_errors
from tools.calibration.report import left_out_errors, mean_error

COLUMNS = {"ticker": pl.String, "iv_symbol": pl.String, "iv_basis": pl.String, "dte": pl.Int32}


def error_of(*rows):
    """The errors of rows of ticker, basis, days and, of `market`, the index (default: the VIX)."""
    complete = [(row[0], row[3] if len(row) > 3 else "VIX", row[1], row[2]) for row in rows]
    frame = pl.DataFrame(complete, schema=COLUMNS, orient="row")
    return frame.select(vol_error(*(pl.col(name) for name in COLUMNS))).to_series().to_list()


def test_a_ticker_on_the_markets_index_is_further_off_than_on_its_own():
    for ticker in MARKET_ERRORS:
        market, own, chain = error_of(*((ticker, b, 30) for b in ("market", "own", "chain")))
        assert market > 2 * own == 2 * chain > 0


def test_a_ticker_that_was_not_measured_on_the_markets_index_has_no_error_and_says_so():
    assert error_of(("MSFT", "market", 30), ("TSLA", "market", None)) == [None, None]
    # The figures are of the VIX; on the index of another market nothing was measured.
    assert error_of(("NVDA", "market", 30, "VXN"), ("NVDA", "market", 30, "VIX")) == [None, 27.7]
    assert market_note("MSFT", "VIX") == (
        "MSFT is priced on the VIX, which is not its own volatility: its error is not measured"
    )
    assert market_note("NVDA", "VXN").endswith("its error is not measured")


def test_the_errors_on_the_vix_are_those_of_the_real_chains(reference_data):
    """NVDA's own 30-day volatility was 49.7 on 2026-02-11 and SPY's 17.3."""
    measured = market_errors(load(reference_data), reference_data)
    (nvda,) = measured.filter(ticker="NVDA").iter_rows(named=True)
    assert nvda["own_index"] == pytest.approx(49.7, abs=0.05)
    assert nvda["vix"] == pytest.approx(17.3, abs=0.05)
    figures = pl.col("points", "least_low", "most_low")
    by_month = measured.group_by("ticker", "market").agg(figures.mean())
    by_ticker = by_month.group_by("ticker").agg(
        pl.col("points").mean(), pl.col("least_low").min(), pl.col("most_low").max()
    )
    assert set(by_ticker["ticker"]) == set(MARKET_ERRORS)
    for row in by_ticker.iter_rows(named=True):
        error = MARKET_ERRORS[row["ticker"]]
        assert error.points == pytest.approx(row["points"], abs=0.06)
        assert error.least_low == pytest.approx(row["least_low"], abs=0.006)
        assert error.most_low == pytest.approx(row["most_low"], abs=0.006)


def test_the_error_is_that_of_the_tickers_expiries():
    assert error_of(("SPY", "own", 21))[0] > error_of(("SPY", "own", 22))[0]
    assert error_of(("QQQ", "own", 35))[0] < error_of(("QQQ", "own", 36))[0]


@pytest.mark.parametrize(("first", "last"), [(14, 21), (22, 35), (36, 60)])
def test_the_errors_are_those_of_the_surface_as_it_is(reference_data, first, last):
    """Measured anew on every real chain of SPY and QQQ, with its month left out."""
    of_month = {}
    for chain, rows in left_out_errors(load(reference_data), ("SPY", "QQQ")):
        error = mean_error(rows.filter(pl.col("dte").is_between(first, last)), "10-60")
        of_month.setdefault(chain.ticker, {}).setdefault(chain.market, []).append(error)
    measured = {
        ticker: sum(sum(errors) / len(errors) for errors in months.values()) / len(months)
        for ticker, months in of_month.items()
    }
    measured["IWM"] = max(measured.values())
    for ticker, error in measured.items():
        for basis in ("own", "chain"):
            assert error_of((ticker, basis, last))[0] == pytest.approx(error, abs=0.06)


def test_without_an_expiry_the_error_of_the_shortest_is_given_and_without_a_basis_none():
    assert error_of(("SPY", "own", None)) == error_of(("SPY", "own", 1))
    assert error_of(("SPY", None, 30)) == [None]


@pytest.mark.parametrize("basis", ["own", "chain"])
def test_every_basis_of_its_own_ends_with_a_row_for_any_other_ticker_and_expiry(basis):
    rows = [row for row in VOL_ERRORS if basis in row.bases]
    assert rows[-1].tickers == ()
    assert rows[-1].last_dte > 1000
    assert all(row.points > 0 and row.source for row in rows)


def test_the_note_says_how_far_the_tickers_own_chains_were_off():
    assert market_note("QQQ", "VIX") == (
        "QQQ is priced on the VIX, which is not its own volatility: 5.9 vol points off on its real "
        "chains of 2026-02, credits 32 to 50% too low"
    )
    assert "27.7 vol points off" in market_note("NVDA", "VIX")
