"""The measured error of synthetic volatilities, by what a ticker is priced on."""

import polars as pl
import pytest

from options_platform.domain.chain.vol_errors import (
    MARKET_POINTS,
    VOL_ERRORS,
    market_note,
    vol_error,
)
from tools.calibration.load import load
from tools.calibration.report import left_out_errors, mean_error

COLUMNS = {"ticker": pl.String, "iv_basis": pl.String, "dte": pl.Int32}


def error_of(*rows):
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    return frame.select(vol_error(*(pl.col(name) for name in COLUMNS))).to_series().to_list()


def test_a_ticker_on_the_markets_index_is_further_off_than_any_on_its_own():
    market, *own = error_of(
        ("MSFT", "market", 30),
        *((t, b, d) for t in ("SPY", "QQQ", "IWM") for b in ("own", "chain") for d in (7, 25, 60)),
    )
    low, high = MARKET_POINTS
    assert low < market < high
    assert all(0 < error < market for error in own)


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


@pytest.mark.parametrize("basis", ["own", "chain", "market"])
def test_every_basis_ends_with_a_row_for_any_other_ticker_and_expiry(basis):
    rows = [row for row in VOL_ERRORS if basis in row.bases]
    assert rows[-1].tickers == ()
    assert rows[-1].last_dte > 1000
    assert all(row.points > 0 and row.source for row in rows)


def test_the_note_says_on_what_ticker_the_error_was_measured():
    assert market_note("QQQ", "VIX") == (
        "QQQ is priced on the VIX, which is not its own volatility: 3 to 11 vol points off on real "
        "chains, credits 42 to 74% too low"
    )
    assert "on real chains of QQQ" in market_note("MSFT", "VIX")
