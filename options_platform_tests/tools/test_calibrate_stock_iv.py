"""The model of a stock's volatility is as near to published ones as its page says."""

import pytest

from options_platform.domain.earnings.calibration import STOCK_VOL
from options_platform.services.market_data.market_priced import MODEL_ERROR
from tools.calibrate_stock_iv import MARKS, PAGE
from tools.calibration.stock_fit import by_vix, fitted
from tools.calibration.stock_history import TICKERS, history
from tools.calibration.stock_report import forward, left_out, page
from tools.markdown import between_marks


@pytest.fixture(scope="module")
def rows(reference_data):
    return history(reference_data)


def test_the_constants_are_those_of_the_fit(rows):
    assert fitted(rows) == STOCK_VOL
    assert sum(STOCK_VOL.weights) + STOCK_VOL.vix_weight == pytest.approx(1.0)


@pytest.mark.parametrize("ticker", TICKERS)
def test_a_stock_that_taught_nothing_is_priced_to_three_points(rows, ticker):
    assert rows.filter(ticker=ticker).height > 2800
    errors = left_out(rows, ticker)
    assert errors.all <= 3.4
    assert errors.in_window <= 4.2
    assert errors.all == pytest.approx(MODEL_ERROR, abs=0.05)
    assert left_out(rows, ticker, by_vix).all > 3.5 * errors.all


def test_a_year_ahead_it_is_as_good(rows):
    assert forward(rows).all <= 3.4


def test_the_page_has_the_measured_errors(rows):
    text = PAGE.read_text()
    assert between_marks(text, MARKS, page(rows)) == text
