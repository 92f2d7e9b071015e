"""The tearsheet in the report: complete, labelled, and readable in a browser."""

import shutil
from dataclasses import replace
from datetime import date, datetime

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import BACKTEST_SCORES, BACKTEST_TABLES, BACKTEST_TRADES
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.trading.positions import Position
from options_platform.reporting.report import render, stored_backtest
from options_platform.reporting.tearsheet import position_cards, tearsheet_section
from options_platform.runs import run_backtest

NOW = datetime(2026, 1, 2, 12, tzinfo=NEW_YORK)


@pytest.fixture(scope="module")
def settings(simulated_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("tearsheet") / "home"
    shutil.copytree(simulated_home.home, home)
    own = replace(simulated_home, home=home)
    run_backtest(own)
    return own


@pytest.fixture(scope="module")
def warehouse(settings):
    return Warehouse(settings.warehouse_path, wait_seconds=10.0)


@pytest.fixture(scope="module")
def section(warehouse):
    return tearsheet_section(stored_backtest(warehouse))


def test_every_plot_and_every_breakdown_is_there(section):
    assert set(section["plots"]) == {"equity", "drawdown", "band", "months"}
    assert [part["by"] for part in section["breakdowns"]] == [
        "exit reason", "regime", "strategy", "ticker", "year",
    ]  # fmt: skip
    assert [row["name"] for row in section["scores"][:2]] == ["model", "always_bull_put"]
    bands = {row["name"]: row["band"] for row in section["scores"]}
    assert [name for name, band in bands.items() if band is None] == [
        "random_direction", "shuffled_signal", "hold_QQQ", "hold_SPY",
    ]  # fmt: skip
    assert [(row["shown"], row["draws"]) for row in section["draws"]] == [
        ("random direction", 20), ("shuffled signal", 20),
    ]  # fmt: skip
    assert len(section["targets"]) == 9


def test_results_held_to_expiry_are_marked_in_the_table(section, warehouse):
    assert {row["name"] for row in section["scores"] if row["held"]} == {"put_write"}
    stored = stored_backtest(warehouse)
    held = stored.trades.with_columns(
        exit_reason=pl.when(pl.col("exit_reason").is_not_null()).then(pl.lit("EXPIRY"))
    )
    marked = tearsheet_section(replace(stored, trades=held))["scores"]
    assert {row["kind"] for row in marked if not row["held"]} == {"hold"}


def test_the_attribution_adds_up_to_the_profit_of_closed_trades(section, warehouse):
    own = pl.col("fill_model") == "default"
    closed = warehouse.read(BACKTEST_TRADES).filter(own).drop_nulls("closed_on")
    assert section["attribution"]["profit"] == pytest.approx(closed["pnl_usd"].sum())
    total = sum(section["attribution"]["parts"].values())
    assert total == pytest.approx(section["attribution"]["profit"], abs=0.01)
    for part in section["breakdowns"]:
        assert sum(row["pnl_usd"] for row in part["rows"]) == pytest.approx(closed["pnl_usd"].sum())


def test_positions_open_at_the_end_have_a_payoff_plot(section, warehouse):
    own = pl.col("fill_model") == "default"
    still = warehouse.read(BACKTEST_TRADES).filter(own & pl.col("closed_on").is_null())
    assert len(section["open"]) == min(still.height, 6)
    assert all(card["plot"].startswith("data:image/png") for card in section["open"])


def test_the_page_names_its_data_and_assumptions(settings, warehouse):
    page = render(settings, warehouse, now=NOW)
    for text in ("A backtest, not a track record", "synthetic chains", "No yields are stored",
                 "always bull put", "oracle direction", "hold SPY"):  # fmt: skip
        assert text in page
    assert ">met<" in page or ">MISSED<" in page


def test_the_section_states_how_many_trades_rest_on_real_quotes(section, warehouse):
    assert section["sources"]["chain_source"] == "synthetic"
    stored = stored_backtest(warehouse)
    first = stored.sources["plan_id"] == stored.sources["plan_id"][0]
    half_real = stored.sources.with_columns(
        chain_source=pl.when(first).then(pl.lit("real")).otherwise("chain_source"),
        real_share=pl.when(first).then(1.0).otherwise("real_share"),
    )
    sources = tearsheet_section(replace(stored, sources=half_real))["sources"]
    assert sources["chain_source"] == "mixed"
    assert sources["trades"]["real"] == 1
    assert 0.0 < sources["real_share"] < 1.0
    none = tearsheet_section(replace(stored, sources=stored.sources.clear()))["sources"]
    assert (none["chain_source"], none["real_share"]) == ("synthetic", 0.0)


def test_a_home_without_a_backtest_says_how_to_make_one(simulated_home):
    empty = Warehouse(simulated_home.warehouse_path, wait_seconds=10.0)
    assert tearsheet_section(stored_backtest(empty)) is None
    assert "No backtest yet" in render(simulated_home, empty, now=NOW)


@pytest.mark.long
def test_ruin_and_a_run_without_trades_still_make_a_page(settings, warehouse, tmp_path):
    stored = stored_backtest(warehouse)
    ruined = stored.scores.with_columns(
        ruined_on=pl.when(pl.col("name") == "put_write").then(date(2016, 1, 4)),
        sharpe=pl.when(pl.col("name") != "put_write").then("sharpe"),
    )
    idle = replace(
        stored, scores=ruined, trades=stored.trades.clear(), fills=stored.fills.clear(),
        marks=stored.marks.clear(),
    )  # fmt: skip
    found = tearsheet_section(idle)
    assert found["breakdowns"] == []
    assert found["attribution"] is None
    assert found["open"] == []
    other = Warehouse(tmp_path / "w.duckdb", wait_seconds=10.0)
    shutil.copy(settings.warehouse_path, other.path)
    other.replace(
        [(table, ruined if table is BACKTEST_SCORES else warehouse.read(table).clear())
         for table in BACKTEST_TABLES if table.name not in ("backtest_equity", "backtest_curves")],
        "run", "configured",
    )  # fmt: skip
    page = render(settings, other, now=NOW)
    assert "ruined on 2016-01-04" in page
    assert "closed no trade" in page


def test_an_open_position_of_the_paper_account_is_drawn_unless_it_has_several_expiries():
    legs = (
        OrderLeg("sell", "put", 95.0, date(2017, 3, 17)),
        OrderLeg("buy", "put", 90.0, date(2017, 3, 17)),
    )
    spread = Position("p", "SPY", "bull_put_spread", legs, 2, date(2017, 2, 1), -1.0, 44, 802.6,
                      197.4, 2.6, -0.8, date(2017, 2, 3))  # fmt: skip
    apart = replace(spread, legs=(legs[0], replace(legs[1], expiry=date(2017, 4, 21))))
    cards = position_cards([spread, apart])
    assert cards[0]["plot"].startswith("data:image/png")
    assert cards[0]["value_usd"] == -160.0
    assert cards[1]["plot"] is None


@pytest.mark.browser
def test_the_tearsheet_fits_its_page_in_a_browser(settings, warehouse, tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    path = tmp_path / "report.html"
    path.write_text(render(settings, warehouse, now=NOW))
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1080, "height": 900})
        page.goto(path.as_uri())
        widths = page.eval_on_selector_all(
            "#backtest ~ img, #backtest ~ * img", "found => found.map(e => e.naturalWidth)"
        )
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        browser.close()
    assert len(widths) > 8
    assert min(widths) > 100
    assert overflow <= 0
