"""What to expect of the configured rules, by a home's predictions and its closed paper trades."""

import math
import re
import shutil
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import polars as pl
import pytest

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import DIRECTION_MODEL
from options_platform.domain.statistics.trade_pace import PastStarts, TimeTo, TradePace
from options_platform.errors import IncompleteDataError
from options_platform.services.backtesting import outlook as outlook_module
from options_platform.services.backtesting.outlook import (
    Outlook,
    make_outlook,
    outlook_fields,
    outlook_or_problem,
    pace_text,
    until_text,
)
from options_platform.services.backtesting.outlook_findings import outlook_findings
from options_platform.services.backtesting.run import load_backtest
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform.services.planning.strategy_needs import strategy_needs
from options_platform_tests.platform import make_platform_settings


def ledger(closed):
    """A ledger with so many closed positions and one open one."""
    days = [date(2024, 1, 2)] * closed + [None]
    positions = [SimpleNamespace(closed_on=day) for day in days]
    return SimpleNamespace(exists=True, positions=lambda: positions)


@pytest.fixture
def settings(simulated_home, tmp_path):
    copy = replace(simulated_home, home=tmp_path / "home")
    copy.home.mkdir()
    shutil.copy(simulated_home.warehouse_path, copy.warehouse_path)
    return copy


@pytest.fixture
def warehouse(settings):
    return Warehouse(settings.warehouse_path, wait_seconds=10.0)


def without_calls(warehouse, ticker, before):
    """Store no prediction of a ticker's sessions before a day."""
    early = warehouse.read(DIRECTION_MODEL, tickers=[ticker]).filter(pl.col("date") < before)
    warehouse.upsert(DIRECTION_MODEL, early.with_columns(direction=pl.lit(None, pl.String)))


@pytest.fixture
def ten_trades(monkeypatch):
    """The backtest opens eight trades of SPY, five of them in October, and two of QQQ."""
    sessions = {
        "SPY": [*(date(2016, 10, day) for day in (3, 4, 5, 6, 7)), date(2017, 1, 3),
                date(2017, 1, 4), date(2017, 3, 31)],
        "QQQ": [date(2016, 11, 1), date(2017, 1, 3)],
    }  # fmt: skip
    rows = [(ticker, day, day, 7) for ticker, days in sessions.items() for day in days]
    names = ["ticker", "planned_on", "closed_on", "days_held"]
    result = SimpleNamespace(trades=pl.DataFrame(rows, schema=names, orient="row"))
    monkeypatch.setattr(outlook_module, "run_backtest", lambda *_: result)


@pytest.mark.parametrize("absent", ["predictions", "options"])
def test_a_ticker_counts_from_its_first_tradable_session_and_all_together_from_the_last_ones(
    settings, warehouse, ten_trades, monkeypatch, absent
):
    without_calls(warehouse, "SPY", date(2016, 10, 3))
    without_calls(warehouse, "QQQ", date(2016, 10, 3 if absent == "options" else 1))
    if absent == "options":
        monkeypatch.setattr(outlook_module, "FIRST_OPTIONS", {"QQQ": date(2016, 11, 1)})
    else:
        without_calls(warehouse, "QQQ", date(2016, 11, 1))
    outlook = make_outlook(settings, warehouse, ledger(0))
    # The exchange was open on 21, 21, 21, 20, 19 and 23 days from October to March.
    assert outlook.by_ticker["SPY"] == pytest.approx(8 * 252 / 125)
    assert outlook.by_ticker["QQQ"] == pytest.approx(2 * 252 / 104)
    assert (outlook.first, outlook.last) == (date(2016, 11, 1), date(2017, 3, 31))
    assert (outlook.pace.entries, outlook.pace.sessions) == (5, 104)
    assert outlook.pace.a_year == pytest.approx(5 * 252 / 104)
    # At that pace 30 take 624 sessions, and each is held for a week.
    assert outlook.until.years == pytest.approx(624 / 252 + 7 / 365.25)
    assert (outlook.starts.starts, outlook.starts.unreached) == (104, 104)
    # A home of half a year has no span of a year behind any session.
    assert set(outlook.share_of_starts.values()) == {None}


def test_a_ticker_without_a_prediction_is_not_known_and_holds_no_other_back(
    settings, warehouse, ten_trades
):
    without_calls(warehouse, "SPY", date(2016, 10, 3))
    without_calls(warehouse, "QQQ", date.max)
    outlook = make_outlook(settings, warehouse, ledger(0))
    assert outlook.by_ticker["QQQ"] is None
    assert (outlook.pace.sessions, outlook.first) == (125, date(2016, 10, 3))
    assert "QQQ not known yet" in pace_text(outlook)


def test_tickers_that_never_could_trade_together_have_no_joint_pace(settings, warehouse):
    without_calls(warehouse, "QQQ", date(2017, 1, 3))
    spy = warehouse.read(DIRECTION_MODEL, tickers=["SPY"]).filter(
        pl.col("date") > date(2016, 12, 1)
    )
    warehouse.upsert(DIRECTION_MODEL, spy.with_columns(direction=pl.lit(None, pl.String)))
    with pytest.raises(IncompleteDataError, match="listed options of QQQ, SPY together; run: "):
        make_outlook(settings, warehouse, ledger(0))


def test_the_rules_rest_on_the_stored_chains_as_in_a_backtest(
    settings, warehouse, ten_trades, monkeypatch
):
    stores, asked = [], []

    class Chains:
        """No chain is stored, but it is known which ones were asked for."""

        def chain(self, day, ticker):
            asked.append((day, ticker))

    def load(*arguments, chains, **named):
        stores.append(chains)
        data = load_backtest(*arguments, **named)
        return replace(data, market=replace(data.market, chains=Chains()))

    monkeypatch.setattr(outlook_module, "load_backtest", load)
    make_outlook(settings, warehouse, ledger(0))
    assert isinstance(stores[0], ChainStore)
    assert {ticker for _, ticker in asked} == {"SPY", "QQQ"}


def test_rules_that_never_trade_may_never_reach_thirty(settings, warehouse):
    poor = replace(settings.plan.sizing, account_value_usd=50.0)
    idle = replace(settings, plan=replace(settings.plan, sizing=poor))
    outlook = make_outlook(idle, warehouse, ledger(0))
    assert outlook.pace.entries == 0
    assert "it may never come" in until_text(outlook)
    assert "From none of " in until_text(outlook)
    assert outlook_fields(outlook)["starts"]["median"] is None
    assert outlook_fields(outlook)["years_until"] is None
    assert outlook_fields(outlook)["years_until_earliest"] > 0
    assert set(outlook.cells["entered"]) == {0}
    assert set(outlook.cells["state"]) <= {"always refused", "never called", "never occurs"}
    assert len(outlook.idle_cells) == outlook.cells.height == 14


def test_closed_paper_trades_count_and_open_ones_do_not(settings, warehouse):
    outlooks = [make_outlook(settings, warehouse, ledger(closed)) for closed in (0, 20, 30)]
    assert [outlook.closed for outlook in outlooks] == [0, 20, 30]
    assert outlooks[0].until.years > outlooks[1].until.years > outlooks[2].until.years == 0.0
    assert until_text(outlooks[2]) == "30 closed paper trades are needed, and 30 have closed."


SHOWN = Outlook(
    account_value_usd=100_000.0,
    first=date(2002, 2, 1),
    last=date(2024, 12, 31),
    pace=TradePace(940, 5775, 41.0, 29.0, 55.0, 12.0, 70.0),
    recent=TradePace(190, 1260, 38.0, 25.0, 52.0, 20.0, 60.0),
    by_ticker={"SPY": 20.4, "QQQ": 20.6},
    closed=0,
    until=TimeTo(0.75, 0.58, 1.08),
    starts=PastStarts(5775, 84, 0.3, 0.7, 2.6, 0.6),
    share_of_starts={1: 0.8, 2: 0.9, 3: 1.0},
    cells=pl.DataFrame({"state": []}, schema={"state": pl.String}),
    neutral_calls=132,
    confident_calls=3,
)


def test_the_sentences_say_pace_interval_range_and_time():
    assert pace_text(SHOWN) == (
        "SPY, QQQ with 100,000 USD: about 41 trades a year (95%: 29 to 55; one year in five "
        "outside 12 to 70), by a backtest of 2002-02-01 to 2024-12-31, 38 a year in the last "
        "5.0 years. By ticker: SPY 20, QQQ 21. More tickers are the way to more trades; a lower "
        "bar is not."
    )
    assert until_text(SHOWN) == (
        "30 closed paper trades are needed, 0 have closed. At the mean pace the rest takes about 9 "
        "months (95% interval of the mean: 7 months to 13 months). From 5,775 past sessions on: "
        "median 8 months, 10% to 90% of the starts 4 months to 2.6 years; 60% of them had so many "
        "opened within a year; 84 did not get there before the backtest ended."
    )
    assert SHOWN.confidence_text == (
        "3 of 132 directional calls of the neutral regime in the last 252 sessions reached the "
        "level of confidence"
    )
    rare = replace(
        SHOWN,
        until=TimeTo(11.0, 4.5, math.inf),
        starts=replace(SHOWN.starts, low=4.0, high=math.inf),
    )
    assert "about 11.0 years" in until_text(rare)
    assert "(95% interval of the mean: 4.5 years to never)" in until_text(rare)
    assert "4.0 years to longer than the backtest tells" in until_text(rare)


def test_no_day_is_named_so_that_none_of_them_is_past(settings, warehouse):
    outlook = make_outlook(settings, warehouse, ledger(0))
    assert re.search(r"\d{4}-\d{2}-\d{2}", until_text(outlook)) is None
    assert "reached_on" not in outlook_fields(outlook)


def test_a_home_without_predictions_says_what_to_run(tmp_path):
    settings = make_platform_settings(tmp_path / "home")
    empty = Warehouse(tmp_path / "warehouse.duckdb")
    with pytest.raises(IncompleteDataError, match="options-platform backfill"):
        make_outlook(settings, empty, ledger(0))
    problem = outlook_or_problem(settings, empty, ledger(0))
    assert "not known yet" in problem
    assert "options-platform backfill" in problem
    (finding,) = outlook_findings(settings, [])
    assert (finding.state, "options-platform backfill" in finding.detail) == ("note", True)


def test_doctor_shows_the_pace_and_one_note_for_each_cell_that_did_not_trade(settings, warehouse):
    findings = outlook_findings(settings, [])
    assert {finding.state for finding in findings} == {"note"}
    outlook = make_outlook(settings, warehouse, SimpleNamespace(exists=False))
    shown = [finding.detail for finding in findings if finding.what == "matrix"]
    idle = outlook.cells.filter(pl.col("state") != "traded")
    assert len(shown) == idle.height > 0
    assert shown[0].startswith(outlook.idle_cells[0])
    assert findings[0].detail == pace_text(outlook)
    (sure,) = [finding.detail for finding in findings if finding.what == "confidence"]
    assert sure == outlook.confidence_text
    (entered,) = [finding.detail for finding in findings if finding.what == "entries"]
    cells = outlook.cells.filter(pl.col("trades") > 0)
    assert entered.count("calls planned") == cells.height > 0
    assert cells["entered"].sum() < cells["trades"].sum()


def with_account(settings, value):
    sizing = replace(settings.plan.sizing, account_value_usd=value)
    return replace(settings, plan=replace(settings.plan, sizing=sizing))


def account_notes(settings):
    return [note.detail for note in outlook_findings(settings, []) if note.what == "account"]


@pytest.mark.long
def test_doctor_names_the_smallest_account_of_each_strategy_that_does_not_fit(settings):
    small = with_account(settings, 1_000.0)
    shown = account_notes(small)
    needs = strategy_needs(small, Warehouse(small.warehouse_path), 252).needs
    assert len(shown) == needs.height > 1
    cheapest = needs.row(0, named=True)
    assert f"half of the plans need {math.ceil(cheapest['smallest_account_usd']):,} USD" in shown[0]
    assert f"at full width half need {math.ceil(cheapest['account_needed_usd']):,} USD" in shown[0]
    assert account_notes(settings) == []


@pytest.mark.parametrize("what", ["warehouse.duckdb", "ledger.duckdb"])
def test_doctor_reads_nothing_from_a_damaged_database(settings, what):
    (settings.home / what).write_bytes(b"damaged")
    (finding,) = outlook_findings(settings, [Diagnosis(what, Diagnosis.BROKEN, "it is damaged")])
    assert finding.detail == "not computed, since a database is damaged"


def test_doctor_survives_damage_that_no_other_check_has_seen(settings):
    settings.warehouse_path.write_bytes(b"damaged")
    (finding,) = outlook_findings(settings, [])
    assert "not computed: " in finding.detail
