"""Earnings reports from files and from the SEC: the record, the calendar, and what is doubtful."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.sources.edgar.source import EdgarSource
from options_platform.adapters.storage.home import prepare_home
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.api.home import open_home
from options_platform.cli import main
from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS, EARNINGS_KNOWN, RAW_OHLCV
from options_platform.domain.checks.tables import ExpectedPartitions, rules_for
from options_platform.errors import SettingsError
from options_platform.services.market_data.earnings import update_earnings
from options_platform.services.market_data.earnings_checks import doubtful_reports, outdated
from options_platform.services.market_data.platform import make_platform
from options_platform.settings import make_settings
from options_platform_tests.fakes.edgar_server import EdgarServer
from options_platform_tests.fakes.http_server import HTML
from options_platform_tests.scripted import calm_bars

HEADER = "date,timing,eps_estimate,eps_reported\n"
PAST = ("2023-05-04,after_close,1.43,1.52\n2023-08-03,after_close,1.19,1.26\n"
        "2023-11-02,after_close,1.39,1.46\n2024-02-01,after_close,2.1,2.18\n")  # fmt: skip
PLANNED = "2024-05-02,,1.5,\n"
FIRST = datetime(2024, 3, 1, 5, 30, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "SPY_earnings.csv").write_text(HEADER)
    write(tmp_path, PAST + PLANNED)
    made = make_settings(
        {"home": tmp_path / "home", "source": "csv", "csv_dir": str(tmp_path / "csv"),
         "tickers": ("AAPL", "SPY"), "start": date(2023, 1, 3)}
    )  # fmt: skip
    prepare_home(made)
    return made


def write(folder, rows, header=HEADER):
    (folder / "csv" / "AAPL_earnings.csv").write_text(header + rows)


def update(settings, now=FIRST, **overrides):
    day = now.date() - timedelta(days=1)
    platform = make_platform(settings, now=lambda: now, **overrides)
    return update_earnings(platform, PartitionRange(day, day, settings.tickers))


def stored(settings, table=EARNINGS):
    return Warehouse(settings.warehouse_path).read(table)


def planned(settings):
    rows = stored(settings).filter(pl.col("date") > date(2024, 3, 1))
    return rows.select("date", "status", "anchor", "reaction", "timing_source").rows()


def test_the_first_answer_has_the_whole_history_and_says_which_sessions_react(settings):
    update(settings)
    assert stored(settings).select("date", "status").rows() == [
        (date(2023, 5, 4), "reported"), (date(2023, 8, 3), "reported"),
        (date(2023, 11, 2), "reported"), (date(2024, 2, 1), "reported"),
        (date(2024, 5, 2), "estimated"),
    ]  # fmt: skip
    assert planned(settings) == [
        (date(2024, 5, 2), "estimated", date(2024, 5, 2), date(2024, 5, 3), "assumed")
    ]
    known = stored(settings, EARNINGS_KNOWN)
    assert known["ticker"].unique().to_list() == ["AAPL"]
    assert known["known_from"].unique().to_list() == [FIRST]


def test_a_report_that_moves_is_replaced_in_the_calendar_and_kept_in_the_record(settings, tmp_path):
    update(settings)
    before = stored(settings, EARNINGS_KNOWN)
    update(settings, FIRST + timedelta(days=3))
    assert stored(settings, EARNINGS_KNOWN).equals(before)
    write(tmp_path, PAST + "2024-05-09,after_close,1.5,\n")
    moved = FIRST + timedelta(days=4)
    update(settings, moved)
    assert [row[:2] for row in planned(settings)] == [(date(2024, 5, 9), "confirmed")]
    record = stored(settings, EARNINGS_KNOWN)
    # Nothing that was recorded has changed but the end of its validity.
    kept = record.filter(pl.col("known_from") == FIRST)
    assert kept.drop("known_until").equals(before.drop("known_until"))
    assert kept.filter(pl.col("date") == date(2024, 5, 2))["known_until"].item() == moved
    # It came two days early.
    write(tmp_path, PAST + "2024-05-07,after_close,1.5,1.53\n")
    update(settings, datetime(2024, 5, 9, 5, 30, tzinfo=UTC))
    newest, projected = stored(settings).to_dicts()[-2:]
    assert (newest["date"], newest["status"]) == (date(2024, 5, 7), "reported")
    assert (projected["date"], projected["status"]) == (date(2024, 8, 1), "projected")
    assert newest["eps_reported"] == 1.53
    assert stored(settings, EARNINGS_KNOWN)["quarter_no"].max() == 5


def test_an_empty_answer_takes_away_what_was_planned_and_nothing_that_was(settings, tmp_path):
    update(settings)
    write(tmp_path, "")
    update(settings, FIRST + timedelta(days=3))
    assert stored(settings)["status"].to_list() == [*["reported"] * 4, "projected"]
    withdrawn = stored(settings, EARNINGS_KNOWN).filter(pl.col("status") == "withdrawn")
    assert withdrawn["date"].to_list() == [date(2024, 5, 2)]


def test_where_nothing_is_planned_a_report_is_projected_from_the_year_before(settings, tmp_path):
    write(tmp_path, PAST)
    update(settings)
    assert planned(settings) == [
        (date(2024, 5, 2), "projected", date(2024, 5, 2), date(2024, 5, 3), "source")
    ]
    assert "projected" not in stored(settings, EARNINGS_KNOWN)["status"].to_list()
    write(tmp_path, PAST + "2024-04-30,before_open,1.5,\n")
    update(settings, FIRST + timedelta(days=3))
    assert planned(settings) == [
        (date(2024, 4, 30), "confirmed", date(2024, 4, 29), date(2024, 4, 30), "source")
    ]


def test_a_file_may_say_how_sure_a_date_is_and_since_when(settings, tmp_path):
    rows = (
        "2024-02-01,,reported,\n2024-04-25,,estimated,2024-02-10T12:00Z\n"
        "2024-05-02,after_close,confirmed,2024-02-20T12:00Z\n"
    )
    write(tmp_path, rows, "date,timing,status,known_from\n")
    update(settings)
    assert [row[:2] for row in planned(settings)] == [(date(2024, 5, 2), "confirmed")]
    record = stored(settings, EARNINGS_KNOWN)
    assert record.filter(pl.col("date") > FIRST.date()).select(
        "date", "status", "known_from"
    ).rows() == [
        (date(2024, 4, 25), "estimated", datetime(2024, 2, 10, 12, tzinfo=UTC)),
        (date(2024, 5, 2), "confirmed", datetime(2024, 2, 20, 12, tzinfo=UTC)),
    ]
    write(tmp_path, "2024-05-02,,perhaps,\n", "date,timing,status,known_from\n")
    found = update(settings, FIRST + timedelta(days=1))
    assert "AAPL_earnings.csv line 2: the status 'perhaps' is none of" in found.unknown["AAPL"]


@pytest.fixture
def sec():
    with EdgarServer() as server:
        server.numbers = {"AAPL": 320193}
        server.recent[320193] = [
            ("8-K", "2.02,9.01", "2024-02-01T21:30:20.000Z"),
            ("8-K", "2.02,9.01", "2023-11-03T12:30:01.000Z"),
        ]
        yield server


def both(settings, sec, tmp_path):
    edgar = EdgarSource("Jane jane@example.com", cache_dir=tmp_path, address=sec.address,
                        sleep=lambda _: None)  # fmt: skip
    csv = open_source("csv", SourceOptions(csv_dir=settings.csv_dir))
    return {"earnings_sources": lambda: (edgar, csv)}


def test_filings_date_the_past_and_a_source_that_differs_is_named(settings, sec, tmp_path):
    found = update(settings, **both(settings, sec, tmp_path))
    # SPY is no company at the SEC, and its file says that it reports nothing.
    assert found.unknown == {}
    rows = stored(settings).filter(pl.col("date") > date(2023, 8, 3))
    columns = ("date", "source", "timing_source", "anchor", "eps_reported", "other_date")
    assert rows.select(columns).rows() == [
        (date(2023, 11, 3), "edgar", "edgar", date(2023, 11, 2), 1.46, date(2023, 11, 2)),
        (date(2024, 2, 1), "edgar", "edgar", date(2024, 2, 1), 2.18, None),
        (date(2024, 5, 2), "csv", "assumed", date(2024, 5, 2), None, None),
    ]
    rules = {rule.name: rule for rule in rules_for(EARNINGS)}
    finding = rules["sources_agree"].find(EARNINGS, rows, ExpectedPartitions((), (), {}))
    assert finding.examples == ("2023-11-03 AAPL edgar 2023-11-02",)


def test_where_a_source_fails_dates_do_not_move_to_another_one(settings, sec, tmp_path):
    sources = both(settings, sec, tmp_path)
    update(settings, **sources)
    before, record = stored(settings), stored(settings, EARNINGS_KNOWN)
    sec.faults.extend([(503, HTML)] * 8)
    found = update(settings, FIRST + timedelta(days=1), **sources)
    assert "HTTP 503" in found.unknown["AAPL"]
    assert stored(settings).equals(before)
    assert stored(settings, EARNINGS_KNOWN).equals(record)


def test_edgar_needs_a_contact_and_each_source_is_named_once():
    with pytest.raises(SettingsError, match="edgar_contact"):
        make_settings({"earnings_sources": ("edgar", "yahoo")})
    with pytest.raises(SettingsError, match="each source once"):
        make_settings({"earnings_sources": ("yahoo", "yahoo")})
    with pytest.raises(SettingsError, match=r"earnings.timing: META is not among the tickers"):
        make_settings({"earnings": {"timing": {"META": "after_close"}}})
    with pytest.raises(SettingsError, match="assumed_known_days"):
        make_settings({"earnings": {"assumed_known_days": -1}})


def test_dates_that_trading_contradicts_and_outdated_answers_are_found(settings):
    update(settings)
    bars = calm_bars("AAPL", date(2023, 4, 3), date(2024, 2, 29))
    # The reaction to the report of 2023-08-03 came on 2023-08-03 itself.
    busy = pl.when(pl.col("date") == date(2023, 8, 3)).then(3.0 * pl.col("volume"))
    bars = bars.with_columns(volume=busy.otherwise("volume"))
    rows = bars.with_columns(bad_reason=None, fetched_at=FIRST).cast(
        {"bad_reason": pl.String, "fetched_at": RAW_OHLCV.schema["fetched_at"]}
    )
    warehouse = Warehouse(settings.warehouse_path)
    warehouse.write([(RAW_OHLCV, rows.select(RAW_OHLCV.schema.names()))])
    platform = make_platform(settings, now=lambda: FIRST)
    selected = PartitionRange(date(2023, 4, 3), date(2024, 2, 29), settings.tickers)
    found = doubtful_reports(platform, selected)
    assert found.examples == ("AAPL 2023-08-03: the session before traded more",)
    assert outdated(platform, selected).passed
    # SPY reports nothing, and nothing is known of MSFT.
    later = PartitionRange(date(2023, 4, 3), date(2024, 7, 1), ("AAPL", "MSFT", "SPY"))
    assert outdated(platform, later).examples == ("AAPL was asked for up to 2024-06-28",)


def test_a_day_computed_alone_has_the_rows_of_a_backfill(settings, tmp_path):
    """Of a file that does not change, whatever the runs were."""
    end = datetime(2024, 3, 1, 5, 30, tzinfo=UTC)
    platform = make_platform(settings, now=lambda: end)
    whole = PartitionRange(date(2023, 1, 3), date(2024, 2, 29), settings.tickers)
    update_earnings(platform, whole)
    backfilled, record = stored(settings), stored(settings, EARNINGS_KNOWN)
    for day in (date(2023, 5, 4), date(2023, 8, 10), date(2024, 2, 29)):
        update_earnings(platform, PartitionRange(day, day, ("AAPL",)))
        assert stored(settings).equals(backfilled)
    alone = replace(settings, home=tmp_path / "alone")
    prepare_home(alone)
    for day in (date(2023, 5, 4), date(2024, 2, 29)):
        update_earnings(make_platform(alone, now=lambda: end), PartitionRange(day, day, ("AAPL",)))
    assert stored(alone).equals(backfilled)
    assert stored(alone, EARNINGS_KNOWN).equals(record)


def test_researchers_read_the_reports_as_they_were_known(settings):
    update(settings)
    home = open_home(settings.home, settings={"source": "csv", "csv_dir": settings.csv_dir})
    then = home.earnings("AAPL", as_of=datetime(2024, 2, 26, 21, tzinfo=UTC))
    assert then.row(-1, named=True)["status"] == "projected"
    assert home.earnings("AAPL", as_of=FIRST)["status"].to_list() == [
        *["reported"] * 4, "estimated",
    ]  # fmt: skip
    assert home.earnings("SPY").is_empty()


def test_the_calendar_is_printed_as_it_was_known_at_a_time(settings, tmp_path, monkeypatch, capsys):
    update(settings)
    write(tmp_path, PAST + "2024-05-09,after_close,1.5,\n")
    update(settings, FIRST + timedelta(days=4))
    for name in ("home", "source", "csv_dir", "start"):
        monkeypatch.setenv(f"OPTIONS_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("OPTIONS_TICKERS", "SPY,AAPL")
    shown = {}
    for moment in ("2024-03-02T00:00Z", "2024-03-06T00:00Z", "2024-02-26T21:00Z"):
        assert main(["earnings", "AAPL", "--json", "--as-of", moment]) == 0
        shown[moment] = json.loads(capsys.readouterr().out)[-1]
    assert [(row["date"], row["status"], row["knowledge"]) for row in shown.values()] == [
        ("2024-05-02", "estimated", "recorded"),
        ("2024-05-09", "confirmed", "recorded"),
        ("2024-05-02", "projected", "assumed"),
    ]
    assert main(["earnings", "--as-of", "2024-02-26T21:00Z"]) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["AAPL", "SPY"]
    assert "No source was asked before 2024-02-26 21:00 UTC" in printed
    said = "AAPL reports on 2024-05-02 (projected): no entry that expires after 2024-04-25 in the"
    assert [line[: len(said)] for line in lines if "reports on" in line] == [said]
    assert main(["earnings", "SPY"]) == 0
    assert "no report of SPY is known: a fund reports nothing" in capsys.readouterr().out
