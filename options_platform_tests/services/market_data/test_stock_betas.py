"""Betas that no setting gives: what an evening, a backtest and the groups take for them."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.features.table import CROSS_FEATURES_TABLE
from options_platform.services.accounting.ticker_groups import store_ticker_groups
from options_platform.services.market_data.stock_betas import stored_betas, with_betas
from options_platform.settings import make_settings
from options_platform_tests.domain.backtest.small import market

DAYS = sessions(date(2024, 1, 2), date(2024, 1, 12))


@pytest.fixture
def settings(tmp_path):
    """A home with betas of AAPL that grow by 0.1 a session from 1.0 on, and of MSFT up to a day."""
    made = make_settings(
        {"home": tmp_path, "source": "simulated", "tickers": ("AAPL", "KO", "MSFT", "SPY"),
         "risk": {"betas": {"MSFT": 0.9}}}
    )  # fmt: skip
    betas = {"AAPL": [1.0 + 0.1 * n for n in range(len(DAYS))], "MSFT": [1.2] * 3, "KO": [None] * 9}
    rows = [
        {
            "date": day,
            "ticker": ticker,
            "beta_252x": beta,
            "universe_id": "u",
            "family_version": "v",
        }
        for ticker, values in betas.items()
        for day, beta in zip(DAYS, values, strict=False)
    ]
    frame = pl.DataFrame(rows, schema=CROSS_FEATURES_TABLE.schema)
    Warehouse(made.warehouse_path).write([(CROSS_FEATURES_TABLE, frame)])
    return made


def test_an_evening_takes_the_beta_of_the_session_before_and_a_set_one_first(settings):
    warehouse = Warehouse(settings.warehouse_path)
    risk = with_betas(settings, warehouse, DAYS[3]).risk
    assert risk.betas == pytest.approx({"MSFT": 0.9, "AAPL": 1.2})
    assert with_betas(settings, warehouse, DAYS[0]).risk.betas == {"MSFT": 0.9}
    newest = with_betas(settings, warehouse).risk.betas["AAPL"]
    assert newest == pytest.approx(1.0 + 0.1 * (len(DAYS) - 2))
    # A beta of a year ago says nothing of today.
    assert with_betas(settings, warehouse, date(2025, 6, 2)).risk.betas == {"MSFT": 0.9}
    absent = replace(settings, home=settings.home / "absent")
    assert with_betas(absent, Warehouse(absent.warehouse_path)) is absent


def test_a_backtest_knows_at_each_close_what_the_evening_knew(settings):
    warehouse = Warehouse(settings.warehouse_path)
    traded = market({"AAPL": [100.0] * len(DAYS), "MSFT": [50.0] * len(DAYS)}, days=DAYS)
    known = traded.with_betas(stored_betas(warehouse, traded.tickers))
    for number, day in enumerate(DAYS):
        live = with_betas(settings, warehouse, day).risk
        assert settings.risk.filled(known.betas_at(number)) == live
    assert traded.betas_at(3) == {}
    rows = known.beta_rows()
    assert rows.filter(date=DAYS[3], ticker="AAPL")["beta"].item() == pytest.approx(1.2)


def test_groups_store_set_and_measured_betas(settings):
    rows = store_ticker_groups(Warehouse(settings.warehouse_path), settings)
    assert dict(rows.select("ticker", "beta").iter_rows()) == {
        "AAPL": pytest.approx(1.0 + 0.1 * (len(DAYS) - 2)), "KO": None, "MSFT": 0.9, "SPY": None,
    }  # fmt: skip
