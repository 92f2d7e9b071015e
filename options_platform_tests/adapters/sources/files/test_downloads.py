"""Files as their publishers write them, each with its origin."""

import gzip
import io
import zipfile
from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.errors import SourceError

SPAN = (date(2024, 7, 1), date(2024, 7, 3))
DAYS = [date(2024, 7, 1), date(2024, 7, 2), date(2024, 7, 3)]
OPENS, HIGHS, LOWS = [100.5, 101.25, 1102.0], [102.0, 103.5, 1104.0], [99.0, 100.75, 1101.5]
CLOSES, VOLUMES = [101.0, 102.5, 1103.25], [1_000_000, 1_100_000, 1_200_000]


def opened(tmp_path, text, name="AAPL.csv"):
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / name).write_bytes(content)
    return open_source("csv", SourceOptions(csv_dir=str(tmp_path)))


def rows(template, days, *, header="", newest_first=False, thousands=False):
    """Three days in the format of a publisher."""
    lines = []
    for at, day in enumerate(days):
        fields = {"o": OPENS[at], "h": HIGHS[at], "l": LOWS[at], "c": CLOSES[at], "v": VOLUMES[at]}
        written = {key: f"{n:,}" if thousands else str(n) for key, n in fields.items()}
        lines.append(template.format(day=day, **written))
    return (
        "\n".join([*([header] if header else []), *(lines[::-1] if newest_first else lines)]) + "\n"
    )


ISO = ["2024-07-01", "2024-07-02", "2024-07-03"]
US = ["07/01/2024", "07/02/2024", "07/03/2024"]
OHLCV = "Date,Open,High,Low,Close,Volume"
PLAIN = "{day},{o},{h},{l},{c},{v}"
BARS = {
    "Yahoo's site": rows(
        "{day},{o},{h},{l},{c},{c},{v}", ISO, header="Date,Open,High,Low,Close,Adj Close,Volume"
    ),
    "Stooq": rows(PLAIN, ISO, header=OHLCV),
    "Nasdaq.com": rows(
        "{day},${c},{v},${o},${h},${l}", US, header="Date,Close/Last,Volume,Open,High,Low",
        newest_first=True,
    ),
    "Nasdaq.com, quoted": rows(
        '{day},"${c}","{v}","${o}","${h}","${l}"', US, thousands=True, newest_first=True,
        header="Date,Close/Last,Volume,Open,High,Low",
    ),
    "Alpha Vantage": rows(
        "{day},{o},{h},{l},{c},{v}", ISO, header="timestamp,open,high,low,close,volume",
        newest_first=True,
    ).replace("\n", "\r\n"),
    "capital headers": rows(PLAIN, ISO, header=OHLCV.upper()),
    "a byte order mark": "\ufeff" + rows(PLAIN, ISO, header=OHLCV),
    "lines of Windows": rows(PLAIN, ISO, header=OHLCV).replace("\n", "\r\n"),
    "lines of an old Mac": rows(PLAIN, ISO, header=OHLCV).replace("\n", "\r"),
    "semicolons": rows(PLAIN, ISO, header=OHLCV).replace(",", ";"),
    "semicolons and decimal commas": rows(PLAIN, ISO, header=OHLCV)
    .replace(",", ";").replace(".", ","),
    "decimal commas, thousands points and dates of Germany": rows(
        "{day};{o};{h};{l};{c};{v}", US, header=OHLCV.replace(",", ";"), thousands=True
    ).translate(str.maketrans(",.", ".,")).replace("07/01/", "01.07.").replace(
        "07/02/", "02.07.").replace("07/03/", "03.07."),
    "tabs": rows(PLAIN, ISO, header=OHLCV).replace(",", "\t"),
    "UTF-16": rows(PLAIN, ISO, header=OHLCV).encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + rows(PLAIN, ISO, header=OHLCV).encode("utf-16-be"),
    "gzip under the name of a csv": gzip.compress(rows(PLAIN, ISO, header=OHLCV).encode()),
    "a title above the header": "AAPL daily\n\n" + rows(PLAIN, ISO, header=OHLCV),
    "empty rows below, as of a spreadsheet": rows(PLAIN, ISO, header=OHLCV) + ",,,,,\n,,,,,\n",
    "dates in words": rows('"{day}",{o},{h},{l},{c},{v}',
                           ["Jul 01, 2024", "Jul 2, 2024", "July 3, 2024"], header=OHLCV),
    "dates that fit one order alone": rows(PLAIN, US, header=OHLCV)
    + "06/28/2024,100,102,99,101,1000\n",
    "days first, as another row proves": rows(
        PLAIN, ["01/07/2024", "02/07/2024", "03/07/2024"], header=OHLCV
    ) + "28/06/2024,100,102,99,101,1000\n",
    "dots, days first, though no row proves it": rows(
        PLAIN, ["01.07.2024", "02.07.2024", "03.07.2024"], header=OHLCV
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", BARS.values(), ids=BARS)
def test_common_downloads_are_read_as_they_are(tmp_path, text):
    bars = opened(tmp_path, text).bars("AAPL", *SPAN)
    assert bars["date"].to_list() == DAYS
    for name, wanted in zip(
        ("open", "high", "low", "close", "volume"),
        (OPENS, HIGHS, LOWS, CLOSES, VOLUMES),
        strict=True,
    ):
        assert bars[name].to_list() == wanted


def test_the_recognised_layout_of_a_file_is_shown_in_one_line(tmp_path, caplog):
    caplog.set_level("INFO", logger="options_platform")
    opened(tmp_path, BARS["Nasdaq.com"]).bars("AAPL", *SPAN)
    assert [r.getMessage() for r in caplog.records] == [
        "AAPL.csv was read as bars of Nasdaq.com, US dates"
    ]


INDEX_DAYS = [date(2024, 7, 1), date(2024, 7, 3)]
INDICES = {
    "FRED": ("VIX", "observation_date,VIXCLS\n2024-07-01,12.22\n2024-07-02,.\n2024-07-03,12.09\n"),
    "FRED, before 2025": ("VIX", "DATE,VIXCLS\n2024-07-01,12.22\n2024-07-02,.\n2024-07-03,12.09\n"),
    "Cboe": (
        "VIX",
        "DATE,OPEN,HIGH,LOW,CLOSE\n07/01/2024,12.6,12.9,12.1,12.22\n07/03/2024,12,12.3,12,12.09\n",
    ),
    "Cboe, one value": ("VVIX", "DATE,VVIX\n07/01/2024,12.22\n07/03/2024,12.09\n"),
    "Nasdaq.com": (
        "VIX",
        (
            "Date,Close/Last,Open,High,Low\n07/03/2024,12.09,12,12.3,12\n"
            "07/01/2024,12.22,12.6,12.9,12.1\n"
        ),
    ),
    "Stooq": (
        "VIX",
        "Date,Open,High,Low,Close\n2024-07-01,12.6,12.9,12.1,12.22\n2024-07-03,12,12.3,12,12.09\n",
    ),
}


@pytest.mark.parametrize(("symbol", "text"), INDICES.values(), ids=INDICES)
def test_downloads_of_an_index_are_read_as_they_are(tmp_path, symbol, text):
    values = opened(tmp_path, text, f"{symbol}.csv").index_bars(symbol, *SPAN)
    known = values.drop_nulls("close")
    assert known["date"].to_list() == INDEX_DAYS
    assert known["close"].to_list() == [12.22, 12.09]


@pytest.mark.parametrize(
    "text", ["DATE,VVIX\n07/01/2024,90\n", "observation_date,VXNCLS\n2024-07-01,18\n"]
)
def test_the_values_of_another_index_are_refused(tmp_path, text):
    with pytest.raises(SourceError, match=r"VIX\.csv gives (VVIX|VXNCLS), not VIX"):
        opened(tmp_path, text, "VIX.csv").index_bars("VIX", *SPAN)


def test_events_of_another_ticker_are_refused_and_do_not_count_as_none(tmp_path):
    splits = "date,dividend,split_ratio,ticker\n2024-07-02,0,4,MSFT\n"
    (tmp_path / "AAPL_actions.csv").write_text(splits)
    source = opened(tmp_path, GOOD)
    with pytest.raises(SourceError, match=r"AAPL_actions\.csv line 2 is of MSFT, not of AAPL"):
        source.bars("AAPL", *SPAN)
    reports = "act_symbol,date,when\nMSFT,2024-07-30,After market close\n"
    (tmp_path / "AAPL_earnings.csv").write_text(reports)
    with pytest.raises(SourceError, match=r"AAPL_earnings\.csv is of MSFT and others"):
        source.earnings("AAPL", date(2024, 1, 1), date(2024, 12, 31))
    (tmp_path / "AAPL_earnings.csv").write_text(reports + "AAPL,2024-08-01,After market close\n")
    found = source.earnings("AAPL", date(2024, 1, 1), date(2024, 12, 31))
    assert found.select("date", "timing").rows() == [(date(2024, 8, 1), "after_close")]


GOOD = rows(PLAIN, ISO, header=OHLCV)
PARQUET = io.BytesIO()
pl.DataFrame({"date": DAYS, "open": OPENS, "high": HIGHS, "low": LOWS, "close": CLOSES,
              "volume": VOLUMES}).write_parquet(PARQUET)  # fmt: skip
MINUTES = io.BytesIO()
pl.DataFrame(
    {
        "date": [datetime(2024, 7, 1, 13, 30 + n, tzinfo=UTC) for n in range(3)],
        **dict(
            zip(OHLCV.lower().split(",")[1:], (OPENS, HIGHS, LOWS, CLOSES, VOLUMES), strict=True)
        ),
    }
).write_parquet(MINUTES)
AMBIGUOUS = rows(PLAIN, ["01/02/2020", "01/03/2020", "01/06/2020"], header=OHLCV)
CUT = {
    "the middle of the last number": (GOOD[:-4], r"line 4, the last one, lacks its end of line"),
    "the middle of the last line": (GOOD[:-14], "line 4 is cut short: 5 of 6 fields"),
    "the end of the last line": (GOOD[:-1], "lacks its end of line"),
    "a short line in the middle": (
        GOOD.replace(",1103.25", "").replace("102.5,1100000", "102.5"), "line 3 is cut short",
    ),
    "an empty line in the middle": (GOOD.replace("\n2024-07-03", "\n\n2024-07-03"), "none of 6"),
    "a note below the data": (GOOD + "Source: a bank\n", "line 5 holds 'Source: a bank' in place"),
    "a long line": (GOOD.replace("102.5,", "102.5,7,"), "line 3 has more fields than the header"),
    "quoted fields": ('"' + GOOD[:-4].replace("\n", '"\n"').replace(",", '","'), "line 4"),
    "gzip inside": (gzip.compress(GOOD.encode())[:-9], "gzip stream is cut short"),
    "gzip with a wrong byte": (
        bytes(b ^ (1 if at == 40 else 0) for at, b in enumerate(gzip.compress(GOOD.encode()))),
        "gzip stream is damaged",
    ),
    "UTF-16 in a character": (GOOD.encode("utf-16")[:-3], "cut short in its last character"),
    "UTF-16 in a number": (GOOD.encode("utf-16")[:-8], "lacks its end of line"),
    "UTF-16 without its mark": (GOOD.encode("utf-16-le"), "UTF-16 without its mark"),
    "Parquet": (PARQUET.getvalue()[:-20], "cannot be read as Parquet: it is cut short"),
    "a zip": (b"PK\x03\x04" + bytes(50), "a zip archive that is cut short or damaged"),
    "zero bytes, as after a power cut": (GOOD.encode() + bytes(512), "zero bytes"),
    "not UTF-8": (GOOD.replace("Date", "Dät").encode("latin-1"), "line 1 is not UTF-8 text"),
}  # fmt: skip


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
@pytest.mark.parametrize(("content", "message"), CUT.values(), ids=CUT)
def test_a_truncated_or_damaged_file_is_refused_with_the_true_reason(
    tmp_path, content, message, ending
):
    if ending == ".csv.gz" and isinstance(content, str):
        content = gzip.compress(content.encode())
    source = opened(tmp_path, content, f"AAPL{ending}")
    with pytest.raises(SourceError, match=message) as error:
        source.bars("AAPL", *SPAN)
    assert f"AAPL{ending}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kept", range(12, 700, 37))
def test_parquet_truncated_anywhere_is_refused(tmp_path, kept):
    content = PARQUET.getvalue()[:-kept]
    with pytest.raises(SourceError, match=r"AAPL\.parquet cannot be read as Parquet"):
        opened(tmp_path, content, "AAPL.parquet").bars("AAPL", *SPAN)


@pytest.mark.parametrize("kept", range(1, len(GOOD) - len(OHLCV)))
def test_text_truncated_anywhere_never_yields_half_a_number(tmp_path, kept):
    """The truncated text is refused, or ends with a complete line and misses the last session."""
    source = opened(tmp_path, gzip.compress(GOOD[:-kept].encode()), "AAPL.csv.gz")
    with pytest.raises(SourceError, match=r"cut short|lacks its end|ends 2024-07-0|holds no rows"):
        source.bars("AAPL", *SPAN)


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_parquet_is_known_by_its_content_and_categories_are_text(tmp_path, ending):
    frame = pl.read_parquet(PARQUET.getvalue()).with_columns(
        pl.col("date").dt.to_string().cast(pl.Categorical),
        pl.lit("AAPL.US").cast(pl.Categorical).alias("Symbol"),
        pl.col("close").cast(pl.Decimal(12, 2)),
    )
    content = io.BytesIO()
    frame.rename(str.title).write_parquet(content)
    bars = opened(tmp_path, content.getvalue(), f"AAPL{ending}").bars("AAPL", *SPAN)
    assert bars["date"].to_list() == DAYS
    assert bars["close"].to_list() == CLOSES


def as_read(tmp_path, content):
    bars = opened(tmp_path, content).bars("AAPL", date(2024, 6, 28), date(2024, 7, 3))
    return set(bars.select("date", "open", "high", "low", "close", "volume").rows())


@pytest.mark.parametrize("text", BARS.values(), ids=BARS)
def test_rows_read_from_a_truncated_file_equal_those_of_the_whole_file(tmp_path, text):
    """Newest first, a cut after a whole line loses the oldest bars, which nothing can tell."""
    content = text if isinstance(text, bytes) else text.encode()
    whole = as_read(tmp_path, content)
    refused = 0
    for kept in range(len(content)):
        try:
            assert as_read(tmp_path, content[:kept]) <= whole
        except SourceError:
            refused += 1
    assert refused > 0.9 * len(content)


def test_a_closing_quote_proves_that_the_last_line_is_complete(tmp_path):
    text = '"' + GOOD[:-1].replace("\n", '"\n"').replace(",", '","') + '"'
    assert opened(tmp_path, text).bars("AAPL", *SPAN)["volume"].to_list() == VOLUMES


def archive(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_a_zip_of_one_file_is_unpacked(tmp_path):
    source = opened(tmp_path, archive(data=GOOD))
    assert source.bars("AAPL", *SPAN)["close"].to_list() == CLOSES


NOT_READABLE = {
    "dates of either order": (AMBIGUOUS, "'01/02/2020' may be 2020-01-02 or 2020-02-01; write"),
    "dates of no order": (
        AMBIGUOUS.replace("01/03/2020", "13/13/2020"), "fit no one order of day and month",
    ),
    "two-digit years": (AMBIGUOUS.replace("/2020", "/20"), "'01/02/20' may be .* or .*write dates"),
    "day numbers of a spreadsheet": (rows(PLAIN, ["45474", "45475", "45476"], header=OHLCV),
                                     "line 2: '45474' is no date like"),
    "points and commas mixed": (
        GOOD.replace(",", ";").replace("101.25", "101,25"), "decimal commas .* are mixed",
    ),
    "thousands or decimals": (
        rows('{day},"1,001","1,002","1,000","1,001",7', ISO, header=OHLCV), "may be 100[0-2] or",
    ),
    "no header": (GOOD.split("\n", 1)[1], "has no header"),
    "weeks of a page": (b"<!DOCTYPE html><html>Too many requests</html>", "is a web page"),
    "JSON": ('{ "Information": "our standard API rate limit is 25 requests" }', "is JSON .*rate"),
    "an Excel workbook": (archive(**{"[Content_Types].xml": "<x/>"}), "an Excel workbook"),
    "an old Excel workbook": (b"\xd0\xcf\x11\xe0" + bytes(600), "an Excel workbook"),
    "an archive of many": (archive(a=GOOD, b=GOOD), "a zip of 2 files"),
    "a message in place of data": ("Exceeded the daily hits limit\n", "Exceeded the daily"),
    "bars of minutes": (
        rows(PLAIN, [f"2024-07-01 09:3{n}" for n in range(3)], header=OHLCV), "several bars",
    ),
    "bars of minutes in two columns": (
        rows("{day}," + PLAIN[6:], [f"07/15/2024,09:3{n}" for n in range(3)],
             header="Date,Time,Open,High,Low,Close,Volume"), "several bars",
    ),
    "bars of minutes since 1970": (
        rows(PLAIN, [1719840600 + 60 * n for n in range(3)], header="time" + OHLCV[4:]),
        "several bars",
    ),
    "bars of minutes in Parquet": (MINUTES.getvalue(), "several bars"),
    "several tickers without their names": (rows(PLAIN, ISO[:1] * 3, header=OHLCV), "several bars"),
    "one row of either order": (
        OHLCV + "\n01/02/2020,1,2,1,2,9\n",
        "'01/02/2020' may be 2020-01-02 or 2020-02-01; write dates like 2024-12-31",
    ),
    "dashes of either order": (
        AMBIGUOUS.replace("/", "-"), "'01-02-2020' may be 2020-01-02 or 2020-02-01; write dates",
    ),
    "dots and a month above twelve": (
        rows(PLAIN, ["13.07.2024", "07.13.2024", "01.07.2024"], header=OHLCV),
        "line 3: '07.13.2024' is no date",
    ),
    "bars of another ticker": (rows("MSFT," + PLAIN, ISO, header="ticker," + OHLCV), "is of MSFT"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), NOT_READABLE.values(), ids=NOT_READABLE)
def test_an_ambiguous_file_is_refused_with_advice(tmp_path, content, message):
    with pytest.raises(SourceError, match=message) as error:
        opened(tmp_path, content).bars("AAPL", *SPAN)
    assert "AAPL.csv" in str(error.value)
    assert "\n" not in str(error.value)
