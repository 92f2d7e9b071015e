"""What a user got wrong is answered by one line that says what, where and what to do."""

from datetime import date

import polars as pl
import pytest

from options_platform_tests.command_line import run_here
from options_platform_tests.scripted import calm_bars, calm_index

START, END = date(2022, 1, 3), date(2022, 8, 31)
RENAMED, SPUN_OFF = date(2022, 6, 9), date(2022, 6, 15)
PRICES = ["open", "high", "low", "close", "adj_close"]
DATES = {
    "AAPL": ["2022-01-27", "2022-06-28", "2022-07-28"],
    "MSFT": ["2022-01-25", "2022-04-26", "2022-04-28", "2022-07-26"],
    "NVDA": ["2022-02-16", "2022-05-30", "2022-08-24"],
    "FB": ["2022-02-02", "2022-04-27"],
    "GE": [],
    "SPY": [],
}


def write_bars(folder, name, bars):
    bars.select("date", *PRICES, "volume").write_csv(folder / f"{name}.csv")


def spun_off():
    """GE without the third of its value that went to shareholders as shares of another company."""
    after = pl.col("date") >= SPUN_OFF
    bars = calm_bars("GE", START, END)
    return bars.with_columns(pl.when(after).then(pl.col(PRICES) * 0.65).otherwise(pl.col(PRICES)))


def environment(folder, **changes):
    names = {"HOME": folder / "home", "SOURCE": "csv", "CSV_DIR": folder, "START": START,
             "END": END, "TICKERS": ",".join(DATES)} | changes  # fmt: skip
    return {f"OPTIONS_{name}": str(value) for name, value in names.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of files as a user has them, and what a backfill of it prints."""
    folder = tmp_path_factory.mktemp("files")
    for ticker in ("SPY", "AAPL", "MSFT", "NVDA"):
        write_bars(folder, ticker, calm_bars(ticker, START, END))
    write_bars(folder, "GE", spun_off())
    write_bars(folder, "FB", calm_bars("FB", START, date(2022, 6, 8)))
    calm_index("VIX", START, END).select("date", "open", "high", "low", "close").write_csv(
        folder / "VIX.csv"
    )
    for ticker, days in DATES.items():
        lines = ["date,timing", *(f"{day},after_close" for day in days)]
        (folder / f"{ticker}_earnings.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def told(folder):
    return said(folder, "backfill", "--select", "raw_ohlcv,earnings")


def said(folder, *arguments, code=0, **changes):
    """What a command prints, its broken lines joined."""
    ran = run_here(arguments, folder, environment(folder, **changes))
    printed = " ".join((ran.stdout + ran.stderr).split())
    assert ran.returncode == code, printed
    return printed


@pytest.mark.parametrize(
    "line",
    [
        (
            "AAPL 2022-06-28 is 152 days after the report of 2022-01-27: one between them is "
            "missing, or one is in a wrong quarter; add it, or correct the date"
        ),
        (
            "AAPL 2022-07-28 is 30 days after the report of 2022-06-28: one of the two is doubled "
            "or in a wrong quarter; remove it, or correct its date"
        ),
        "MSFT 2022-04-28 is 2 days after the report of 2022-04-26: one of the two is doubled",
        (
            "NVDA 2022-05-30 is no session, so the report counts as after the close of "
            "2022-05-27; correct the date if it was another day"
        ),
    ],
    ids=["a wrong quarter", "and the next one", "two in a week", "on a holiday"],
)
def test_a_date_that_cannot_be_right_is_named_by_backfill_and_doctor(folder, told, line):
    assert line in told
    assert line in said(folder, "doctor")


def test_a_spin_off_that_no_file_reports_sets_the_new_prices_aside(folder, told):
    assert "GE ends 2022-06-14" in told
    listed = said(folder, "quarantine", "list", "GE")
    assert f"{SPUN_OFF} GE unadjusted_split set_aside open" in listed
    assert "a split or a spin-off that the source does not report. In files, write" in listed


def test_a_spin_off_in_the_actions_file_needs_prices_adjusted_for_it(folder, told, tmp_path):
    """As the quarantine says: the ratio in the file, and the prices before it divided by it."""
    actions = f"date,dividend,split_ratio\n{SPUN_OFF},0,1.538462\n"
    (folder / "GE_actions.csv").write_text(actions)
    fetch = ("backfill", "--select", "raw_ohlcv", "--tickers", "GE")
    try:
        refused = said(folder, *fetch, code=1)
        assert "GE's file holds prices as traded: they step by the 1.53846:1 split of" in refused
        assert "divide what lies before it by 1.53846" in refused
        bars = calm_bars("GE", START, END).with_columns(pl.col(PRICES) * 0.65)
        write_bars(folder, "GE", bars)
        assert "GE ends" not in said(folder, *fetch, HOME=tmp_path / "home")
    finally:
        (folder / "GE_actions.csv").unlink()
        write_bars(folder, "GE", spun_off())


def test_a_ticker_that_changed_its_name_is_named_with_the_present_one(folder, told, tmp_path):
    advice = f"FB has been META since {RENAMED}: put META among the tickers in its place"
    assert f"FB ends 2022-06-08 (58 sessions behind {END}); {advice}" in told
    alone = {"TICKERS": "SPY,FB", "HOME": tmp_path / "home"}
    (folder / "FB.csv").rename(folder / "META.csv")
    try:
        absent = said(folder, "backfill", "--select", "raw_ohlcv", code=3, **alone)
        assert f"no FB.csv or FB.parquet in {folder}; {advice}" in absent
        # The file may name each bar by the ticker of its time.
        old = calm_bars("FB", START, date(2022, 6, 8)).with_columns(ticker=pl.lit("FB"))
        new = calm_bars("FB", START, END).filter(pl.col("date") >= RENAMED)
        both = pl.concat([old, new.with_columns(ticker=pl.lit("META"))])
        both.select("ticker", "date", *PRICES, "volume").write_csv(folder / "META.csv")
        alone["TICKERS"] = "SPY,META"
        fetched = said(folder, "backfill", "--select", "raw_ohlcv", **alone)
        assert "META ends" not in fetched
        assert "set aside" not in fetched
    finally:
        (folder / "META.csv").unlink()
        write_bars(folder, "FB", calm_bars("FB", START, date(2022, 6, 8)))


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"RISK__GROUPS__NVDA": "us_equty_index"},
         ("setting risk.groups.NVDA: no other ticker is in the group 'us_equty_index'; did you "
          "mean us_equity_index?")),
        ({"GROUPS__PEERS__NVDA": "megacap_tehc"}, "did you mean megacap_tech?"),
        ({"GROUPS__WEIGHTS__AAPL": "0.7", "GROUPS__WEIGHTS__MSFT": "0.6"},
         "setting groups.weights: the weights add up to 1.3, more than the whole index"),
        ({"GROUPS__WEIGHTS__AAPL": "7"},
         ("setting groups.weights.AAPL: 7 is no fraction of the index above 0 and at most 1; "
          "write 0.07 for 7%")),
    ],
    ids=["an unknown group", "of peers", "weights above the index", "weights in percent"],
)  # fmt: skip
def test_a_group_or_a_weight_that_cannot_be_meant_is_refused(folder, setting, line):
    assert line in said(folder, "config", "show", code=2, **setting)


def test_weights_of_a_part_of_the_index_are_taken_and_doctor_says_what_they_miss(folder, told):
    shown = said(folder, "doctor", GROUPS__WEIGHTS__AAPL="0.07", RISK__GROUPS__NVDA="eu_index")
    assert "groups.weights add up to 7% of the index; implied correlation needs 60%" in shown


def test_a_stock_without_dividends_and_splits_is_named_once_and_by_doctor(folder, told, tmp_path):
    line = "AAPL has no dividends and splits: its strikes are of adjusted prices"
    assert told.count(line) == 1
    assert "SPY has no dividends and splits" not in told
    assert f"dividends of AAPL: {line}" in said(folder, "doctor")
    # A header alone says that there were none.
    (folder / "AAPL_actions.csv").write_text("date,dividend,split_ratio\n")
    fetch = ("backfill", "--select", "raw_ohlcv", "--tickers", "AAPL,MSFT")
    try:
        again = said(folder, *fetch, HOME=tmp_path / "home")
    finally:
        (folder / "AAPL_actions.csv").unlink()
    assert "MSFT has no dividends and splits" in again
    assert "AAPL has no" not in again
    last = ("--start", "2022-08-31", "--end", "2022-08-31")
    assert "no dividends and splits" not in said(folder, *fetch, *last, HOME=tmp_path / "home")
