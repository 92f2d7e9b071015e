import gzip
import os
import shutil
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.sources.files.reading import read_table
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.market.bars import clean_bars
from options_platform.domain.market.index_series import align_indices
from options_platform.errors import PlatformError, SourceError
from options_platform.testing.market import NOW

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


def test_a_split_counts_although_its_ex_date_has_no_bar(tmp_path):
    (tmp_path / "SPY_actions.csv").write_text(
        "date,dividend,split_ratio\n2024-07-02,0,2\n2024-07-08,0,3\n"
    )
    text = HEADER + "\n".join([ROWS[0], ROWS[2]]) + "\n"
    bars = source(tmp_path, text).bars("SPY", *SPAN)
    assert bars["split_factor"].to_list() == [6.0, 3.0]


def test_a_split_ahead_of_today_is_announced_and_changes_no_price_yet(tmp_path):
    ahead = datetime.now(UTC).date() + timedelta(days=5)
    (tmp_path / "SPY_actions.csv").write_text(
        f"date,dividend,split_ratio\n2024-07-03,0,4\n{ahead},0,1.5\n"
    )
    of_folder = source(tmp_path, HEADER + "\n".join(ROWS) + "\n")
    assert of_folder.bars("SPY", *SPAN)["split_factor"].to_list() == [4.0, 4.0, 1.0]
    announced = of_folder.announced_splits("SPY", ahead - timedelta(days=9), ahead)
    assert announced.rows() == [(ahead, "SPY", 1.5)]
    assert of_folder.announced_splits(
        "SPY", ahead + timedelta(days=1), ahead + timedelta(days=9)
    ).is_empty()


def raw_rows(ratio, *, level=1.0):
    """Bars as traded around a split on 2024-07-02, which falls or rises by `level` beside it."""
    prices = [(100.0, 1.0), (101.0, level / ratio), (102.0, level / ratio)]
    rows = []
    for day, (price, factor) in zip((1, 2, 3), prices, strict=True):
        values = ",".join(str(round(p * factor, 6)) for p in (price, price + 2, price - 2, price))
        rows.append(f"2024-07-0{day},{values},{price * factor},1000")
    return HEADER + "\n".join(rows) + "\n"


@pytest.mark.parametrize("ratio", [1.5, 2, 4, 20, 0.1])
@pytest.mark.parametrize("level", [0.93, 1.0, 1.07])
def test_prices_as_traded_beside_their_splits_are_refused(tmp_path, ratio, level):
    """Their bars before the split would be taken as traded at `ratio` times the price."""
    actions = f"date,dividend,split_ratio\n2024-07-02,0,{ratio}\n"
    (tmp_path / "SPY_actions.csv").write_text(actions)
    opened = source(tmp_path, raw_rows(ratio, level=level))
    with pytest.raises(SourceError, match="holds prices as traded") as error:
        opened.bars("SPY", *SPAN)
    assert f"{ratio}:1 split of 2024-07-02 in SPY_actions.csv" in str(error.value)
    adjusted = source(tmp_path, raw_rows(1.0, level=level)).bars("SPY", *SPAN)
    assert adjusted["split_factor"].to_list() == [ratio, 1.0, 1.0]


def test_a_real_move_or_a_small_split_is_not_refused(tmp_path):
    """A day of -20 per cent on a 2:1 split, and a stock dividend of 5 per cent."""
    for ratio, text in ((2, raw_rows(1.0, level=0.8)), (1.05, raw_rows(1.05))):
        actions = f"date,dividend,split_ratio\n2024-07-02,0,{ratio}\n"
        (tmp_path / "SPY_actions.csv").write_text(actions)
        assert source(tmp_path, text).bars("SPY", *SPAN)["split_factor"][0] == ratio


def test_a_real_file_of_prices_as_traded_is_refused_and_its_adjusted_twin_is_not(
    reference_data, tmp_path
):
    """AAPL split 2:1 in 2000 and 2005, 7:1 in 2014 and 4:1 in 2020."""
    splits = {"2000-06-21": 2, "2005-02-28": 2, "2014-06-09": 7, "2020-08-31": 4}
    lines = [f"{day},0,{ratio}" for day, ratio in splits.items()]
    actions = "date,dividend,split_ratio\n" + "\n".join(lines) + "\n"
    raw = pl.read_csv(reference_data / "prices_alt" / "AAPL_lean.csv", infer_schema=False)
    (tmp_path / "AAPL_actions.csv").write_text(actions)
    raw.with_columns(adj_close="close").write_csv(tmp_path / "AAPL.csv")
    span = (date(2000, 1, 3), date(2020, 12, 31))
    opened = open_source("csv", SourceOptions(csv_dir=str(tmp_path)))
    with pytest.raises(SourceError, match=r"as traded.* 2:1 split of 2000-06-21"):
        opened.bars("AAPL", *span)
    shutil.copy(reference_data / "prices" / "AAPL.csv", tmp_path / "AAPL.csv")
    bars = opened.bars("AAPL", *span)
    assert bars["split_factor"][0] == 112.0
    both = bars.join(
        raw.select(pl.col("date").str.to_date(), traded=pl.col("close").cast(float)), on="date"
    )
    off = (both["close"] * both["split_factor"] / both["traded"] - 1.0).abs()
    assert off.median() < 0.001


def test_an_actions_file_with_only_a_header_says_that_there_were_none(tmp_path):
    (tmp_path / "SPY_actions.csv").write_text("date,dividend,split_ratio\n")
    bars = source(tmp_path, HEADER + "\n".join(ROWS) + "\n").bars("SPY", *SPAN)
    columns = ("dividend", "split_ratio", "split_factor")
    assert bars.select(columns).unique().rows() == [(0.0, 1.0, 1.0)]


def test_actions_of_one_day_on_several_lines_are_combined(tmp_path):
    (tmp_path / "SPY_actions.csv").write_text(
        "date,dividend,split_ratio\n2024-07-02,0.5,0\n2024-07-02,0.25,4\n2024-07-02,,\n"
    )
    bars = source(tmp_path, HEADER + "\n".join(ROWS) + "\n").bars("SPY", *SPAN)
    assert bars["dividend"].to_list() == [0.0, 0.75, 0.0]
    assert bars["split_ratio"].to_list() == [1.0, 4.0, 1.0]


def test_an_action_below_zero_is_refused(tmp_path):
    (tmp_path / "SPY_actions.csv").write_text("date,dividend,split_ratio\n2024-07-03,0.5,-4\n")
    with pytest.raises(SourceError, match=r"SPY_actions.csv has a value below 0 on 2024-07-03"):
        source(tmp_path, HEADER + "\n".join(ROWS) + "\n").bars("SPY", *SPAN)


def test_the_first_folder_with_the_file_wins(tmp_path):
    for name, close in (("a", "101"), ("b", "202")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "VIX.csv").write_text(f"date,close\n2024-07-01,{close}\n")
    folders = os.pathsep.join(str(tmp_path / name) for name in "ab")
    closes = open_source("csv", SourceOptions(csv_dir=folders)).index_bars("VIX", *SPAN)
    assert closes["close"].to_list() == [101.0]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "\n\n",
    ],
    ids=["byte order mark", "windows lines", "blank lines at the end"],
)
def test_harmless_differences_of_format_are_accepted(tmp_path, change):
    text = HEADER + "\n".join(ROWS) + "\n"
    plain = source(tmp_path, text).bars("SPY", *SPAN)
    assert source(tmp_path, change(text)).bars("SPY", *SPAN).equals(plain)


@pytest.mark.parametrize("kept", range(len(ROWS[-1]) + 1))
def test_a_file_truncated_anywhere_in_its_last_line_is_refused(tmp_path, kept):
    """1200 cut to 12 is a number like any other: the end of the line alone proves it whole."""
    text = HEADER + "\n".join([*ROWS[:-1], ROWS[-1][:kept]])
    with pytest.raises(SourceError, match=r"SPY\.csv (line [34][ ,]|ends 2024-07-02)"):
        source(tmp_path, text).bars("SPY", *SPAN)


@pytest.mark.parametrize("folder", ["prices", "vol"])
def test_every_real_file_ends_with_its_last_line(reference_data, folder):
    paths = sorted((reference_data / folder).glob("*.csv"))
    assert len(paths) >= 8
    for path in paths:
        assert read_table(path, "bars", "index", "actions").frame.height > 50


def test_a_truncated_compressed_file_is_refused(tmp_path):
    whole = gzip.compress((HEADER + "\n".join(ROWS) + "\n").encode())
    (tmp_path / "SPY.csv.gz").write_bytes(whole)
    opened = open_source("csv", SourceOptions(csv_dir=str(tmp_path)))
    assert opened.bars("SPY", *SPAN).height == 3
    (tmp_path / "SPY.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(SourceError, match=r"SPY.csv.gz cannot be read"):
        opened.bars("SPY", *SPAN)


def parquet_frame():
    text = HEADER + "\n".join(ROWS) + "\n"
    return pl.read_csv(text.encode(), try_parse_dates=True)


@pytest.mark.parametrize("kind", [pl.Date, pl.Datetime("ns"), pl.String])
def test_parquet_dates_of_any_kind_are_read(tmp_path, kind):
    dates = pl.col("date").dt.to_string() if kind == pl.String else pl.col("date").cast(kind)
    parquet_frame().with_columns(dates).write_parquet(tmp_path / "SPY.parquet")
    bars = open_source("csv", SourceOptions(csv_dir=str(tmp_path))).bars("SPY", *SPAN)
    assert bars["date"].to_list() == [date(2024, 7, n) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (pl.when(pl.col("close") != 102).then("date").alias("date"), "line 3"),
        (pl.concat_list("close").alias("close"), "column close"),
    ],
)
def test_a_parquet_file_with_wrong_types_is_refused(tmp_path, spoil, message):
    parquet_frame().with_columns(spoil).write_parquet(tmp_path / "SPY.parquet")
    with pytest.raises(SourceError, match=message):
        open_source("csv", SourceOptions(csv_dir=str(tmp_path))).bars("SPY", *SPAN)


def test_a_broken_parquet_file_is_refused(tmp_path):
    (tmp_path / "SPY.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SourceError, match=r"SPY.parquet cannot be read as Parquet"):
        open_source("csv", SourceOptions(csv_dir=str(tmp_path))).bars("SPY", *SPAN)


# line 3 of the file -> the reason that its row is set aside for
BAD_ROWS = {
    "2024-07-02,101,103,100,-102,102,1100": "non_positive_price",
    "2024-07-02,101,103,100,nan,102,1100": "nan_price",
    "2024-07-02,101,103,,102,102,1100": "nan_price",
    "2024-07-02,101,99,100,102,102,1100": "high_below_low",
    ROWS[0].replace("1000", "999"): "duplicate_conflict",
}


@pytest.mark.parametrize("line", BAD_ROWS)
def test_a_bad_row_is_set_aside_and_the_other_rows_are_used(tmp_path, line):
    opened = source(tmp_path, HEADER + "\n".join([ROWS[0], line, ROWS[2]]) + "\n")
    found = clean_bars(opened.bars("SPY", *SPAN), sessions(*SPAN), "csv", NOW)
    assert BAD_ROWS[line] in found.quarantined["rule"].to_list()
    assert BAD_ROWS[line] in found.rows["bad_reason"].to_list()
    assert found.rows["close"].to_list()[2] == 103.0


def test_a_repeated_line_is_one_bar(tmp_path):
    opened = source(tmp_path, HEADER + "\n".join([*ROWS, ROWS[1]]) + "\n")
    found = clean_bars(opened.bars("SPY", *SPAN), sessions(*SPAN), "csv", NOW)
    assert found.rows["close"].to_list() == [101.0, 102.0, 103.0]
    assert found.quarantined.is_empty()


def test_a_parquet_file_is_read_likewise(tmp_path):
    text = source(tmp_path, HEADER + "\n".join(ROWS) + "\n").bars("SPY", *SPAN)
    frame = pl.read_csv(tmp_path / "SPY.csv", try_parse_dates=True)
    (tmp_path / "SPY.csv").unlink()
    frame.write_parquet(tmp_path / "SPY.parquet")
    assert open_source("csv", SourceOptions(csv_dir=str(tmp_path))).bars("SPY", *SPAN).equals(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace(",close", "") + "2024-07-01,1,1,1,1,1\n", "lacks the columns close"),
        (
            HEADER + "01/07/2024,100,102,99,101,101,1000\n",
            "'01/07/2024' may be 2024-01-07 or 2024-07-01",
        ),
        (HEADER + "\n".join(ROWS).replace("-03", "-33") + "\n", "line 4: '2024-07-33' is no date"),
        (HEADER + ROWS[0] + "\n\n" + ROWS[2] + "\n", "line 3 is cut short: none of 7 fields"),
        (HEADER + "\n".join(ROWS).replace("103,100", "abc,100") + "\n", "line 3: 'abc' in column"),
        (HEADER + "\n".join(ROWS)[:-20] + "\n", "line 4 is cut short"),
        (HEADER + "\n".join(ROWS) + "\n2024-0", "line 5 is cut short"),
        (HEADER + ROWS[0] + "\n", "ends 2024-07-01"),
        (HEADER + ROWS[0] + ",7\n" + "\n".join(ROWS[1:]) + "\n", "more fields"),
        (HEADER.replace("volume", "volume,close") + ROWS[0] + ",1\n", "close twice"),
        ((HEADER + ROWS[0] + "\n").replace(",", "~"), "the header of no known file"),
        ("\n".join(ROWS) + "\n", "has no header"),
        (HEADER + ROWS[0] + "\n2024-07-02,101,103\n" + ROWS[2] + "\n", "line 3 is cut short"),
        (HEADER, "holds no rows"),
        ("", "is empty"),
        ("\n\n", "is empty"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_in_one_line(tmp_path, text, message):
    with pytest.raises(SourceError, match=r"SPY\.csv") as error:
        source(tmp_path, text).bars("SPY", *SPAN)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


INDEX = "date,close\n2024-06-27,12.2\n2024-06-28,12.4\n2024-07-05,12.5\n"


@pytest.mark.parametrize(
    ("text", "span", "message"),
    [
        (INDEX, (date(2024, 7, 8), date(2024, 7, 12)), "its last close is of 2024-07-05"),
        (INDEX, SPAN, "holds no close of these days, only others from 2024-06-27 to 2024-07-05"),
        (INDEX, (date(2024, 7, 4), date(2024, 7, 8)), None),
        ("date,close\n2024-07-01,\n2024-07-02,nan\n2024-07-03,\n", SPAN, "no close at all"),
        ("date,close\n2024-07-04,12.0\n2024-07-01,\n", SPAN, "no close of these days"),
    ],
    ids=["ended", "hole", "one close", "all empty", "a holiday's alone"],
)
def test_an_index_file_without_a_close_in_the_range_is_refused(tmp_path, text, span, message):
    opened = source(tmp_path, text, "VIX.csv")
    if message is None:
        assert opened.index_bars("VIX", *span)["close"].to_list() == [12.5]
        return
    with pytest.raises(SourceError, match=r"VIX\.csv has no closes of VIX for 2024-07") as error:
        opened.index_bars("VIX", *span)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_index_has_no_rows_before_its_first_day(tmp_path):
    opened = source(tmp_path, INDEX, "VIX.csv")
    assert opened.index_bars("VIX", date(2024, 6, 3), date(2024, 6, 26)).is_empty()
    assert opened.index_bars("VIX", date(2024, 6, 3), date(2024, 6, 27)).height == 1


@pytest.mark.parametrize("ticker", ["../SPY", "'; drop table", "", "SPY\n", "/etc/x", "MISSING"])
def test_unknown_and_hostile_tickers_are_refused(tmp_path, ticker):
    with pytest.raises(PlatformError) as error:
        source(tmp_path, HEADER + "\n".join(ROWS) + "\n").bars(ticker, *SPAN)
    assert "\n" not in str(error.value)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(SourceError, match="nowhere"):
        open_source("csv", SourceOptions(csv_dir=str(tmp_path / "nowhere"))).bars("SPY", *SPAN)


@pytest.mark.parametrize("ticker", ["SPY", "QQQ", "AAPL", "AMZN", "GOOGL", "MSFT"])
def test_real_files_have_no_bad_bar(reference_data, ticker):
    opened = open_source("csv", SourceOptions(csv_dir=str(reference_data / "prices")))
    span = (date(2000, 1, 3), date(2024, 12, 31))
    found = clean_bars(opened.bars(ticker, *span), sessions(*span), "csv", NOW)
    assert found.quarantined.is_empty()
    assert found.rows["bad_reason"].null_count() == found.rows.height
    assert found.rows["date"].max() == span[1]


def test_the_real_vix_has_every_session_since_2000(reference_data):
    opened = open_source("csv", SourceOptions(csv_dir=str(reference_data / "vol")))
    span = (date(2000, 1, 3), date(2024, 12, 31))
    keys = pl.DataFrame({"date": sessions(*span), "ticker": "SPY"})
    closes = opened.index_bars("VIX", *span)
    rows = align_indices(keys, closes, {"SPY": "VIX"}, "csv", NOW)
    assert rows["vix_age"].to_list() == [0] * len(keys)
    # CBOE publishes on some of the exchange's holidays, see the data's README.
    assert closes.height > rows.height
