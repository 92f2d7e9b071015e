from datetime import date

import polars as pl
import pytest

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.errors import PlatformError, SourceError

HEADER = "date,open,high,low,close,adj_close,volume\n"
ROWS = [
    "2024-07-01,100,102,99,101,101,1000",
    "2024-07-02,101,103,100,102,102,1100",
    "2024-07-03,102,104,101,103,103,1200",
]
SPAN = (date(2024, 7, 1), date(2024, 7, 3))


def source(tmp_path, text, name="SPY.csv"):
    (tmp_path / name).write_text(text)
    return open_source("csv", SourceOptions(csv_dir=str(tmp_path)))


def test_bars_of_a_good_file(tmp_path):
    bars = source(tmp_path, HEADER + "\n".join(reversed(ROWS)) + "\n").bars("SPY", *SPAN)
    assert bars["close"].to_list() == [101, 102, 103]
    assert bars["split_factor"].null_count() == 3


def test_splits_of_the_actions_file_give_the_factor_to_prices_as_traded(tmp_path):
    (tmp_path / "SPY_actions.csv").write_text("date,dividend,split_ratio\n2024-07-03,0.5,4\n")
    bars = source(tmp_path, HEADER + "\n".join(ROWS) + "\n").bars("SPY", *SPAN)
    assert bars["split_factor"].to_list() == [4.0, 4.0, 1.0]
    assert bars["dividend"].to_list() == [0.0, 0.0, 0.5]


def test_a_parquet_file_is_read_likewise(tmp_path):
    text = source(tmp_path, HEADER + "\n".join(ROWS) + "\n").bars("SPY", *SPAN)
    frame = pl.read_csv(tmp_path / "SPY.csv", try_parse_dates=True)
    (tmp_path / "SPY.csv").unlink()
    frame.write_parquet(tmp_path / "SPY.parquet")
    assert open_source("csv", SourceOptions(csv_dir=str(tmp_path))).bars("SPY", *SPAN).equals(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER.replace(",close", "") + "2024-07-01,1,1,1,1,1\n", "close"),
        (HEADER + "01/07/2024,100,102,99,101,101,1000\n", "date"),
        (HEADER + "\n".join(ROWS).replace("103,100", "abc,100") + "\n", "abc"),
        (HEADER + "\n".join(ROWS)[:-20] + "\n", "SPY.csv"),
        (HEADER + ROWS[0] + "\n", "ends 2024-07-01"),
        (HEADER, "SPY.csv"),
        ("", "SPY.csv"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_in_one_line(tmp_path, text, said):
    with pytest.raises(SourceError, match=r"SPY\.csv") as error:
        source(tmp_path, text).bars("SPY", *SPAN)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ticker", ["../SPY", "'; drop table", "MISSING"])
def test_unknown_and_hostile_tickers_are_refused(tmp_path, ticker):
    with pytest.raises(PlatformError) as error:
        source(tmp_path, HEADER + "\n".join(ROWS) + "\n").bars(ticker, *SPAN)
    assert "\n" not in str(error.value)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(SourceError, match="nowhere"):
        open_source("csv", SourceOptions(csv_dir=str(tmp_path / "nowhere"))).bars("SPY", *SPAN)


@pytest.mark.long
def test_real_files_have_no_bad_bar(reference_data):
    from options_platform_tests.market import from_source

    folders = f"{reference_data / 'prices'}:{reference_data / 'vol'}"
    found = open_source("csv", SourceOptions(csv_dir=folders))
    bars, _ = from_source(found, 2005, 2024, ("SPY", "QQQ", "AAPL", "MSFT"))
    assert bars["bad_reason"].null_count() == bars.height
