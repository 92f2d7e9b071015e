"""The section on several tickers, of marts that are stored or published."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.marts import build_marts
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS, PORTFOLIO, POSITIONS, RAW_OHLCV, VIX
from options_platform.reporting.cross_ticker import cross_ticker_section
from options_platform.reporting.report import environment
from options_platform.services.accounting.ticker_groups import store_ticker_groups
from options_platform.settings import make_settings
from options_platform.testing.market import NOW, random_market

TICKERS = ("SPY", "AAPL", "MSFT")
START, END = date(2016, 1, 4), date(2016, 8, 31)


def settings_of(tmp_path, *tickers):
    values = {"home": tmp_path, "source": "simulated", "tickers": tickers or TICKERS}
    settings = make_settings(values)
    risk = replace(settings.risk, groups={"AAPL": "tech", "MSFT": "tech"})
    return replace(settings, risk=risk)


def fitted(table, rows):
    frame = pl.DataFrame(rows)
    added = frame.with_columns(
        pl.lit(None, kind).alias(name)
        for name, kind in table.schema.items()
        if name not in frame.columns
    )
    return table, added.select(table.schema.names()).cast(dict(table.schema))


def home_of(tmp_path, tickers=TICKERS, *, reports=True):
    settings = settings_of(tmp_path, *tickers)
    warehouse = Warehouse(tmp_path / "w.duckdb", wait_seconds=2)
    bars, vix = random_market(tickers, START, END)
    symbols = {"SPY": "VIX", "AAPL": "VXAPL", "MSFT": "MODEL"}
    vix = vix.with_columns(iv_symbol=pl.col("ticker").replace(symbols))
    frames = [(RAW_OHLCV, bars), (VIX, vix)]
    if reports:
        days = bars["date"].unique().sort().to_list()
        stamp = {"status": "reported", "source": "test", "fetched_at": NOW}
        rows = [
            {"date": days[at], "ticker": ticker, "reaction": days[at + 1], **stamp}
            for ticker, first in (("AAPL", 70), ("MSFT", 75))
            for at in (first, first + 62)
        ]
        frames.append(fitted(EARNINGS, rows))
    warehouse.write(frames)
    store_ticker_groups(warehouse, settings)
    return settings, warehouse


def rendered(section):
    return environment().get_template("cross_ticker/section.html.j2").render(cross=section)


def test_a_home_of_one_ticker_has_no_such_section(tmp_path):
    settings = settings_of(tmp_path, "SPY")
    assert cross_ticker_section(settings, Warehouse(tmp_path / "w.duckdb")) is None


def test_a_home_without_marts_or_with_too_few_sessions_says_so(tmp_path):
    settings = settings_of(tmp_path)
    warehouse = Warehouse(tmp_path / "w.duckdb", wait_seconds=2)
    assert "not built yet" in rendered(cross_ticker_section(settings, warehouse))
    build_marts(warehouse)
    assert "60 sessions in common" in rendered(cross_ticker_section(settings, warehouse))


def test_funds_alone_are_compared_without_stocks_and_reports(tmp_path):
    settings, warehouse = home_of(tmp_path, ("SPY", "QQQ"), reports=False)
    build_marts(warehouse)
    page = rendered(cross_ticker_section(settings, warehouse))
    assert "Beside SPY" in page
    assert page.count("<img") == 1
    for text in ("Do the stocks move together", "whose report", "Open positions"):
        assert text not in page


def test_stocks_are_shown_with_what_limits_the_figures(tmp_path):
    settings, warehouse = home_of(tmp_path)
    held = {
        "account": "paper", "position_id": "a", "ticker": "AAPL", "strategy": "x",
        "opened_on": END, "expiry": END, "contracts": 2, "max_loss_usd": 400.0, "delta": 3.0,
        "spot": 100.0, "stale": False, "rule_set": "plan",
    }  # fmt: skip
    marked = {"account": "paper", "open_positions": 1, "halted": False}
    warehouse.write(
        [
            fitted(POSITIONS, [{**held, "date": END}]),
            fitted(PORTFOLIO, [{**marked, "date": END}]),
        ]
    )
    build_marts(warehouse)
    section = cross_ticker_section(settings, warehouse)
    page = rendered(section)
    assert "The implied correlation is not that of the index" in page
    assert "No weights in the index are known" in page
    assert "50.0% of that weight has a modelled volatility" in page
    assert "tech</td><td>AAPL" in page
    assert "one in twenty does so by chance" in page
    assert {row["reporter"] for row in section["comovement"]} == {"AAPL", "MSFT"}
    diagonal = [row["cells"][at]["corr"] for at, row in enumerate(section["matrix"]["rows"])]
    assert diagonal == [None, None, None]
    # After a later close without positions nothing is open.
    warehouse.write([fitted(PORTFOLIO, [{**marked, "date": date(2016, 9, 1)}])])
    assert cross_ticker_section(settings, warehouse)["exposure"] == []


def test_weights_of_the_index_are_stored_for_the_marts(tmp_path):
    settings, warehouse = home_of(tmp_path)
    store_ticker_groups(warehouse, settings, {"AAPL": 0.5, "MSFT": 0.25})
    build_marts(warehouse)
    section = cross_ticker_section(settings, warehouse)
    assert section["implied"]["is_covered"] is True
    assert section["implied"]["share_covered"] == pytest.approx(0.75)
    assert "not that of the index" not in rendered(section)
