"""Events and forecasts of a home with four companies, by real prices of 2000 to 2008."""

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.storage.home import prepare_home
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.common import PartitionRange
from options_platform.contracts import (
    EARNINGS_EVENTS,
    EARNINGS_FORECAST,
    EARNINGS_KNOWN,
    OPTION_CHAIN,
    RAW_OHLCV,
    VIX,
)
from options_platform.domain.checks.tables import ExpectedPartitions, rules_for
from options_platform.models.memory_store import MemoryStore
from options_platform.reporting.earnings import earnings_section
from options_platform.reporting.report import environment
from options_platform.services.earnings.events import update_events
from options_platform.services.earnings.forecasts import update_forecasts
from options_platform.services.earnings.scores import forecast_scores, judged_forecasts
from options_platform.services.market_data.platform import make_platform
from options_platform.settings import make_settings
from options_platform.testing.market import from_source

COMPANIES = ("AAPL", "AMZN", "MSFT", "NVDA")
END = date(2008, 12, 31)
NOW = datetime(2009, 1, 2, tzinfo=UTC)
LATE = date(2007, 6, 1)
MOVED = timedelta(days=5)


@pytest.fixture(scope="module")
def market(reference_data, tmp_path_factory):
    """Rows of `raw_ohlcv` and `vix`, and of `earnings_known` as one fetch in 2009 found it."""
    folders = os.pathsep.join(str(reference_data / part) for part in ("prices", "vol"))
    source = open_source("csv", SourceOptions(csv_dir=folders))
    bars, vix = from_source(source, 2000, 2008, ("SPY", *COMPANIES))
    given = pl.read_csv(reference_data / "earnings/events_2000_2024.csv", try_parse_dates=True)
    known = (
        given.filter(pl.col("ticker").is_in(COMPANIES) & (pl.col("rep") <= END))
        .sort("ticker", "rep")
        .select(
            "ticker",
            quarter_no=pl.int_range(1, pl.len() + 1).over("ticker"),
            date="rep",
            timing=pl.lit("after_close"),
            status=pl.lit("reported"),
            source=pl.lit("csv"),
            known_from=pl.lit(NOW),
            known_until=pl.lit(None),
        )
    ).cast(dict(EARNINGS_KNOWN.schema))
    return bars, vix, known


def home_of(folder, market, known=None):
    settings = make_settings(
        {"home": folder, "source": "csv", "csv_dir": str(folder), "tickers": ("SPY", *COMPANIES),
         "start": date(2000, 1, 3), "end": END}
    )  # fmt: skip
    prepare_home(settings)
    warehouse = Warehouse(settings.warehouse_path)
    bars, vix, recorded = market
    warehouse.write([(RAW_OHLCV, bars), (VIX, vix)])
    warehouse.upsert(EARNINGS_KNOWN, recorded if known is None else known)
    return make_platform(settings, now=lambda: NOW)


def compute(platform, start, end, store):
    selected = PartitionRange(start, end, platform.settings.tickers)
    update_events(platform, selected)
    update_forecasts(platform, selected, store)


@pytest.fixture(scope="module")
def store():
    return MemoryStore()


@pytest.fixture(scope="module")
def backfilled(market, store, tmp_path_factory):
    platform = home_of(tmp_path_factory.mktemp("whole") / "home", market)
    compute(platform, date(2006, 1, 3), END, store)
    return platform


def stored(platform, table):
    return platform.warehouse.read(table)


def test_every_report_is_an_event_and_the_sessions_before_it_have_a_forecast(backfilled, market):
    events, forecasts = (stored(backfilled, t) for t in (EARNINGS_EVENTS, EARNINGS_FORECAST))
    assert events.height == market[2].height
    assert events["idio_move"].null_count() <= 4
    assert (events["implied_source"].null_count(), events["move_5d"].null_count()) == (
        events.height, 0,
    )  # fmt: skip
    assert forecasts["days_to_earnings"].is_between(0, 20).all()
    assert "SPY" not in forecasts["ticker"].to_list()
    last = forecasts.filter(ticker="AAPL", anchor=date(2008, 10, 21))
    assert last["days_to_earnings"].to_list() == list(range(10, -1, -1))
    # Two weeks before, its date is not known yet, but projected from the year before.
    earlier = pl.col("date").is_between(date(2008, 9, 25), date(2008, 10, 6))
    assert forecasts.filter(earlier, ticker="AAPL")["status"].unique().to_list() == ["projected"]
    assert last["expected_move"].null_count() == 0
    for table, rows in ((EARNINGS_EVENTS, events), (EARNINGS_FORECAST, forecasts)):
        for rule in rules_for(table):
            assert rule.find(table, rows, ExpectedPartitions((), (), {})).passed, rule.name


def test_the_regression_forecasts_once_80_reports_are_known(backfilled):
    forecasts = stored(backfilled, EARNINGS_FORECAST)
    fitted = forecasts.drop_nulls("gamma")
    assert date(2006, 1, 1) < fitted["date"].min() < date(2008, 1, 1)
    assert fitted["model_id"].null_count() == 0
    assert forecasts.filter(pl.col("date") < fitted["date"].min())["model_id"].count() == 0
    # With so few quarters it has beaten nothing.
    assert forecasts["model"].unique().drop_nulls().to_list() == ["ticker_mean"]
    used = forecasts.drop_nulls("expected_move")
    assert used.select((pl.col("expected_move") == pl.col("ticker_mean")).all()).item()
    naive = forecast_scores(backfilled.warehouse, COMPANIES).filter(forecast="ticker_mean")
    assert (
        naive["n"].item()
        == judged_forecasts(backfilled.warehouse, COMPANIES).drop_nulls(["gamma", "vix"]).height
    )


@pytest.mark.parametrize("day", [date(2008, 10, 21), date(2008, 10, 22)])
def test_a_session_alone_has_the_rows_of_the_backfill(backfilled, market, store, tmp_path, day):
    alone = home_of(tmp_path / "home", market)
    compute(alone, day, day, store)
    for table in (EARNINGS_EVENTS, EARNINGS_FORECAST):
        whole, rows = (stored(platform, table).filter(date=day) for platform in (backfilled, alone))
        assert rows.equals(whole)
    assert stored(alone, EARNINGS_EVENTS).filter(ticker="AAPL")["date"].max() <= day


def test_a_report_that_moves_changes_nothing_more_than_two_weeks_before(
    backfilled, market, tmp_path
):
    report = market[2].filter(ticker="AAPL", date=date(2008, 10, 21))
    other = pl.concat(
        [
            market[2].join(report, on=EARNINGS_KNOWN.key, how="anti"),
            report.with_columns(date=pl.col("date") + MOVED),
        ]
    )
    moved = home_of(tmp_path / "home", market, other)
    compute(moved, date(2008, 9, 2), date(2008, 10, 24), MemoryStore())
    before = pl.col("date").is_between(date(2008, 9, 2), date(2008, 10, 6))
    changed, same = (
        stored(platform, EARNINGS_FORECAST).filter(before) for platform in (moved, backfilled)
    )
    assert changed.drop("model_id").equals(same.drop("model_id"))
    assert changed.filter(ticker="AAPL").height > 0
    near = stored(moved, EARNINGS_FORECAST).filter(date=date(2008, 10, 14), ticker="AAPL")
    assert near["report_date"].item() == date(2008, 10, 26)


def test_computing_again_writes_nothing_and_a_corrected_date_replaces_its_event(
    market, store, tmp_path
):
    platform = home_of(tmp_path / "home", market)
    selected = PartitionRange(LATE, END, platform.settings.tickers)
    first = update_events(platform, selected)
    assert first.earlier.height + first.rows.height == market[2].height
    writes = []
    counted = replace(
        platform,
        warehouse=Warehouse(platform.warehouse.path, after_write=lambda: writes.append(1)),
    )
    assert update_events(counted, selected).earlier.is_empty()
    assert not writes
    row = market[2].filter(ticker="MSFT", date=date(2004, 4, 22))
    platform.warehouse.upsert(EARNINGS_KNOWN, row.with_columns(date=pl.lit(date(2004, 4, 21))))
    again = update_events(platform, selected)
    assert again.earlier.select("date", "ticker").rows() == [(date(2004, 4, 22), "MSFT")]
    april = stored(platform, EARNINGS_EVENTS).filter(
        pl.col("date").is_between(date(2004, 4, 1), date(2004, 4, 30)), ticker="MSFT"
    )
    assert april["date"].to_list() == [date(2004, 4, 22)]


def test_the_command_and_the_report_show_the_forecast(backfilled, monkeypatch, capsys):
    settings = backfilled.settings
    for name in ("home", "source", "csv_dir", "start", "end"):
        monkeypatch.setenv(f"OPTIONS_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("OPTIONS_TICKERS", ",".join(settings.tickers))
    moment = ["--as-of", "2008-10-21T15:00Z"]
    assert main(["earnings", "--json", *moment]) == 0
    rows = {row["ticker"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["SPY"]["expected_move"] is None
    assert 0.03 < rows["AAPL"]["expected_move"] < rows["AAPL"]["q90"]
    assert main(["earnings", *moment]) == 0
    assert f"{100 * rows['AAPL']['expected_move']:.1f}%" in capsys.readouterr().out
    assert main(["earnings", "AAPL", *moment]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Forecast of 2008-10-20 for the report of 2008-10-21: expected |move|" in printed
    # The forecast of a session's close is made after its day.
    assert main(["earnings", "AAPL", "--as-of", "2008-10-20T15:00Z"]) == 0
    assert "Forecast of 2008-10-17" in " ".join(capsys.readouterr().out.split())
    content = earnings_section(settings, backfilled.warehouse, NOW)
    page = environment().get_template("earnings/section.html.j2").render(earnings=content)
    assert "NOT beaten the ticker's mean" in page
    assert "mean of the ticker (naive)" in page
    assert page.count("<details>") == len(COMPANIES)
    assert "Mean implied" not in page


def test_a_stored_chain_prices_the_report_and_its_forecast(backfilled, market, store, tmp_path):
    day, reaction, strike, mid = date(2008, 10, 21), date(2008, 10, 22), 3.25, 0.2
    quotes = [
        dict.fromkeys(OPTION_CHAIN.schema.names())
        | {
            "date": day, "ticker": "AAPL", "contract_symbol": f"AAPL{right}", "right": right,
            "expiry": date(2008, 10, 24), "strike": strike, "mid": mid, "multiplier": 100.0,
            "source": "test", "fetched_at": NOW,
        }
        for right in ("call", "put")
    ]  # fmt: skip
    priced = home_of(tmp_path / "home", market)
    priced.chains.write(pl.DataFrame(quotes, schema=OPTION_CHAIN.schema))
    compute(priced, day, reaction, store)
    (row,) = stored(priced, EARNINGS_FORECAST).filter(date=day, ticker="AAPL").to_dicts()
    plain = stored(backfilled, EARNINGS_FORECAST).filter(date=day, ticker="AAPL").to_dicts()[0]
    # The two sessions after the reaction have some of the straddle's 12.3%.
    assert 0.08 < row["implied_move"] < 2 * mid / strike
    assert row["ratio"] == pytest.approx(row["implied_move"] / plain["expected_move"])
    assert plain["expected_move"] < row["expected_move"] < row["implied_move"]
    assert row["q90"] > row["q50"]
    event = stored(priced, EARNINGS_EVENTS).filter(date=reaction, ticker="AAPL").to_dicts()[0]
    assert event["implied_source"] == "chain"
    assert event["move_ratio"] == pytest.approx(abs(event["move"]) / row["implied_move"])


def test_a_home_of_funds_has_no_section_and_computes_nothing(tmp_path, market):
    platform = home_of(tmp_path / "home", market, market[2].clear())
    selected = PartitionRange(LATE, END, platform.settings.tickers)
    assert update_events(platform, selected).rows.is_empty()
    assert update_forecasts(platform, selected, MemoryStore()).is_empty()
    assert not platform.warehouse.has(EARNINGS_EVENTS)
    assert earnings_section(platform.settings, platform.warehouse, NOW) is None
