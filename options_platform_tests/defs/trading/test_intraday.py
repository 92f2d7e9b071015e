"""The job that checks stops within a session, as started by the web UI and its schedule."""

from contextlib import nullcontext
from datetime import datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.definitions import build_defs
from options_platform.defs.trading.intraday import INTRADAY_JOB_NAME, make_intraday_job
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.errors import WarehouseBusyError
from options_platform.services.trading.prices import stored_closes
from options_platform.settings import make_settings
from options_platform.settings.broker_rules import LIVE_NOTE
from options_platform.testing.alpaca_account import NOW, SESSION, server, trader
from options_platform.testing.market import random_market
from options_platform_tests.adapters.storage.test_warehouse import holder
from options_platform_tests.faults.world import POST, seen_once, trade


@pytest.fixture
def fake():
    with server() as made:
        yield made


def run(made, now):
    definitions = build_defs(made.settings, now=lambda: now)
    job = definitions.resolve_job_def(INTRADAY_JOB_NAME)
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, raise_on_error=False)


def test_a_run_closes_stopped_positions_and_reports_them(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    position = made.ledger.positions()[0]
    for leg in position.legs:
        fake.script("quote", {"symbol": leg.symbol("SPY"), "bid": 1.0, "ask": 1.02})
    seen_once(made, fake)
    done = run(made, NOW)
    assert done.success
    (output,) = (e for e in done.all_events if e.is_successful_output)
    metadata = output.step_output_data.metadata
    assert metadata["checked"].value == 1
    assert metadata["stopped"].value == {position.position_id: "STOP_LOSS"}
    assert fake.book.positions == {}
    assert made.ledger.positions()[0].exit_reason == "STOP_LOSS"
    assert fake.count(POST) == 2


def crashed(made, fake):
    """The open spread quoted far below its stop; the underlying fell from 250 to 230."""
    for leg in made.ledger.positions()[0].legs:
        fake.script("quote", {"symbol": leg.symbol("SPY"), "bid": 1.0, "ask": 1.02})
    fake.script("trade", {"ticker": "SPY", "price": 230.0})


def store_closes(made):
    day = SESSION
    bars, vix = random_market(("SPY",), start=day, end=day)
    bars = bars.with_columns(close=pl.lit(250.0))
    vix = vix.with_columns(iv_close=pl.lit(18.0), vix=pl.lit(18.0))
    Warehouse(made.settings.warehouse_path).write([(RAW_OHLCV, bars), (VIX, vix)])


def test_a_run_uses_the_stored_closes_so_that_the_underlying_confirms_a_stop(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    store_closes(made)
    crashed(made, fake)
    assert run(made, NOW).success
    assert made.ledger.positions()[0].exit_reason == "STOP_LOSS"


@pytest.mark.parametrize("fault", ["busy", "broken"])
def test_an_unreadable_warehouse_delays_no_stop(tmp_path, fake, monkeypatch, fault):
    made = trader(tmp_path, fake.address)
    trade(made)
    crashed(made, fake)
    seen_once(made, fake)
    path = made.settings.warehouse_path
    monkeypatch.setattr(stored_closes, "BUSY_SECONDS", 0.1)
    if fault == "broken":
        path.write_text("no database")
    with holder(path, 60) if fault == "busy" else nullcontext() as process:
        done = run(made, NOW)
        if process is not None:
            process.kill()
    assert done.success
    assert made.ledger.positions()[0].exit_reason == "STOP_LOSS"


def test_closes_that_were_read_confirm_a_stop_though_the_fits_cannot_be_read(
    tmp_path, fake, monkeypatch, capfd
):
    def busy(*_):
        raise WarehouseBusyError("the warehouse is busy")

    made = trader(tmp_path, fake.address)
    trade(made)
    store_closes(made)
    crashed(made, fake)
    monkeypatch.setattr(stored_closes, "with_fits", busy)
    assert run(made, NOW).success
    # At the first look: the underlying's fall from its stored close confirms the quotes.
    assert made.ledger.positions()[0].exit_reason == "STOP_LOSS"
    logged = capfd.readouterr().err
    assert "without the stored fits: the warehouse is busy" in logged
    assert "without stored closes" not in logged


def test_a_run_outside_of_a_session_fails_and_sends_nothing(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    fake.script("clock", {"offset_seconds": 8 * 3600})
    done = run(made, NOW + timedelta(hours=8))
    assert not done.success
    (failed,) = (e for e in done.all_events if e.is_step_failure)
    assert "the market of alpaca is closed" in failed.step_failure_data.error.cause.message
    assert fake.count(POST) == 0


def test_its_schedule_is_off_and_runs_only_while_new_york_trades(tmp_path):
    definitions = build_defs(make_settings({"home": tmp_path, "source": "simulated"}))
    schedule = definitions.resolve_schedule_def("intraday_check_in_session")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == INTRADAY_JOB_NAME

    def asked(*at):
        moment = datetime(*at, tzinfo=NEW_YORK)
        context = dg.build_schedule_context(
            scheduled_execution_time=moment, repository_def=definitions.get_repository_def()
        )
        return [request.run_key for request in schedule.evaluate_tick(context).run_requests or []]

    assert asked(2024, 7, 2, 9, 15) == []
    assert asked(2024, 7, 2, 9, 30) == ["stops 2024-07-02 09:30"]
    assert asked(2024, 7, 2, 15, 45) == ["stops 2024-07-02 15:45"]
    # The third of July closes at one; the fourth does not trade.
    assert asked(2024, 7, 3, 12, 45) == ["stops 2024-07-03 12:45"]
    assert asked(2024, 7, 3, 13, 0) == []
    assert asked(2024, 7, 4, 11, 0) == []


def test_live_trading_is_in_the_description_of_job_and_step(tmp_path):
    live = {"broker": "alpaca", "alpaca": {"live": True, "accounts": ["1"]}}
    for changes, is_live in ((live, True), ({"broker": "alpaca"}, False)):
        job = make_intraday_job(make_settings({"home": tmp_path, **changes}))
        assert (LIVE_NOTE in job.description) is is_live
        assert (LIVE_NOTE in job.nodes[0].definition.description) is is_live
