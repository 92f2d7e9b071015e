"""Chains of any size and publisher become one file a month, and no quote is lost."""

import gzip
import os
import zipfile
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.adapters.sources.files.bulk import batches, head
from options_platform.adapters.sources.files.bulk.head import chain_head
from options_platform.errors import SourceError, UsageError
from options_platform_tests.adapters.sources.files.bulk import fixtures

TEXTS = {
    "OptionsDX": (fixtures.optionsdx, "spy_eod_202407.txt", "SPY"),
    "Cboe DataShop": (fixtures.datashop, "UnderlyingOptionsEODCalcs_2024-07.csv", "SPY"),
    "ORATS": (fixtures.orats, "ORATS_SMV_Strikes_20240701.csv", "SPY"),
    "Alpha Vantage": (fixtures.alpha_vantage, "options.csv", "SPY"),
    "DoltHub post-no-preference/options": (fixtures.dolthub, "option_chain.csv", "SPY"),
    "DeltaNeutral (historicaloptiondata.com), with greeks": (
        fixtures.optopsy, "optopsy.csv", "SPX",
    ),
    "a table with date, expiration, type and iv": (fixtures.table, "SPY_2024.csv", "SPY"),
}  # fmt: skip


def expected(day):
    """Right, strike, bid, ask of a day's quotes, sorted."""
    return sorted(row[1:5] for row in fixtures.quotes() if row[0] == day)


def read(folder, day, ticker="SPY"):
    return sorted(
        fixtures.chain(folder, day, ticker).select("right", "strike", "bid", "ask").rows()
    )


@pytest.mark.parametrize("layout", TEXTS)
@pytest.mark.parametrize("packed", ["", "gzip", "zip"])
def test_the_quotes_of_a_publisher_are_read_back_as_they_were_sold(tmp_path, layout, packed):
    make, name, ticker = TEXTS[layout]
    path = tmp_path / name
    content = make().encode()
    if packed == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, content)
    else:
        path.write_bytes(gzip.compress(content) if packed else content)
    assert chain_head(path).layout.name == layout
    result = fixtures.run(path, tmp_path, ticker=ticker)
    assert (result.read, result.written, result.refused, result.others) == (20, 20, 0, 0)
    assert result.months == {f"{ticker}_2024-07": 20}
    for day in fixtures.DAYS:
        assert read(tmp_path, day, ticker) == expected(day)
    chain = fixtures.chain(tmp_path, fixtures.DAYS[0], ticker)
    assert chain["expiry"].unique().to_list() == [date(2024, 7, 19)]
    if "source_iv" in pl.read_parquet(tmp_path / "options" / f"{ticker}_2024-07.parquet").columns:
        first = chain.filter(strike=540.0, right="call")
        assert first["source_iv"].item() == pytest.approx(0.11)


def test_yearly_parquet_is_imported_and_read_as_it_is(tmp_path):
    path = tmp_path / "SPY_2024.parquet"
    fixtures.parquet(path)
    assert fixtures.run(path, tmp_path, ticker="SPY").written == 20
    as_imported = fixtures.chain(tmp_path, "2024-07-02")
    (tmp_path / "options" / "SPY_2024-07.parquet").unlink()
    fixtures.parquet(tmp_path / "options" / "SPY_2024.parquet")
    as_downloaded = fixtures.chain(tmp_path, "2024-07-02")
    assert as_downloaded.equals(as_imported)
    assert as_downloaded["source_iv"].to_list() == [row[5] for row in fixtures.quotes()[10:]]
    assert read(tmp_path, "2024-07-02") == expected("2024-07-02")


def test_a_text_of_a_year_beside_the_chains_is_read_one_session_at_a_time(tmp_path):
    (tmp_path / "options").mkdir()
    (tmp_path / "options" / "SPY_2024.csv").write_text(fixtures.table())
    for day in fixtures.DAYS:
        assert read(tmp_path, day) == expected(day)
    with pytest.raises(SourceError, match=r"SPY_2024.csv has no quotes of SPY for 2024-07-03"):
        read(tmp_path, "2024-07-03")


def test_the_file_of_a_day_comes_before_that_of_its_month(tmp_path):
    path = tmp_path / "SPY_2024.csv"
    path.write_text(fixtures.table())
    fixtures.run(path, tmp_path, ticker="SPY")
    day = tmp_path / "options" / "SPY_2024-07-01.csv"
    day.write_text("expiry,right,strike\n2024-07-19,call,550\n")
    assert fixtures.chain(tmp_path, "2024-07-01").height == 1
    assert fixtures.chain(tmp_path, "2024-07-02").height == 10


def test_weekly_options_of_an_index_are_those_of_the_index(tmp_path):
    path = tmp_path / "optopsy.csv"
    path.write_text(fixtures.optopsy().replace(",0.11,", ",0.3,"))
    fixtures.run(path, tmp_path)
    chain = fixtures.chain(tmp_path, "2024-07-01", "SPX")
    assert chain["contract_symbol"][0] == "SPXW240719C00540000"
    # 0.3 stands for a volatility that could not be computed.
    assert chain.filter(strike=540.0, right="call")["source_iv"].to_list() == [None]


def large(rows=2_000):
    """The text of a table with many rows, of which two are damaged, in lines 12 and 1,500."""
    row = "2024-07-{day:02},2024-07-19,{strike},call,5,5.1,0.11,0.5,0.02,-0.18,0.48"
    lines = ["date,expiration,strike,type,bid,ask,iv,delta,gamma,theta,vega"]
    days = [1, 2, 3, 5]
    lines += [row.format(day=days[n * 4 // rows], strike=100 + n) for n in range(rows)]
    lines[11] = lines[11].replace("-0.18", "-0.0009296.0025941")
    lines[1_499] = lines[1_499].rsplit(",", 3)[0]
    return "\n".join(lines) + "\n"


def test_a_row_that_is_not_understood_is_refused_with_file_row_and_reason(tmp_path):
    path = tmp_path / "SPY_2024.csv"
    path.write_text(large())
    result = fixtures.run(path, tmp_path, ticker="SPY")
    assert (result.read, result.written, result.refused) == (2_000, 1_998, 2)
    assert result.refusals.match("options/SPY_2024.csv.????????.refused.csv")
    refused = pl.read_csv(result.refusals)
    assert refused["line"].to_list() == [12, 1_500]
    assert refused["reason"][0] == "source_theta -0.0009296.0025941 is no number"
    assert refused["reason"][1] == "8 fields in place of 11"
    assert "-0.0009296.0025941" in refused["text"][0]
    days = [fixtures.chain(tmp_path, f"2024-07-{day:02}").height for day in (1, 2, 3, 5)]
    assert sum(days) == 1_998


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("2024-07-02,", "2024-07-04,"), "line 12: session 2024-07-04 is no session of the exch"),
        (("2024-07-02,", "2024-07-06,"), "line 12: session 2024-07-06 is no session of the exch"),
        (("2024-07-02,", "soon,"), "line 12: session soon is no date"),
        ((",540.0,put", ",0,put"), "line 3: strike 0.0 is no strike above 0"),
        ((",540.0,put", ",540.0,straddle"), "line 3: right straddle is neither call nor put"),
        ((",5.1,", ",inf,"), "line 2: ask inf is no number"),
        (("2024-07-19,541.0", "2024-07-32,541.0"), "line 4: expiry 2024-07-32 is no date"),
    ],
)
def test_a_file_with_many_unreadable_rows_is_refused_with_the_first(tmp_path, change, message):
    path = tmp_path / "SPY_2024.csv"
    path.write_text(fixtures.table().replace(*change))
    with pytest.raises(SourceError, match=f"SPY_2024.csv {message}.*of 20 quotes cannot be read"):
        fixtures.run(path, tmp_path, ticker="SPY")
    assert not list((tmp_path / "options").glob("*.parquet"))


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "SPY_2024.csv"
    path.write_text(fixtures.table()[:-1])
    with pytest.raises(SourceError, match="line 21, the last one, lacks its end of line"):
        fixtures.run(path, tmp_path, ticker="SPY")
    assert fixtures.run(path, tmp_path, ticker="SPY", whole=True).written == 20
    packed = tmp_path / "cut.csv.gz"
    packed.write_bytes(gzip.compress(large().encode(), mtime=0)[:-400])
    with pytest.raises(SourceError, match="its gzip stream is cut short"):
        fixtures.run(packed, tmp_path / "other", ticker="SPY")


def test_files_of_one_name_in_two_folders_have_their_own_refusals(tmp_path):
    results = []
    for bad, month in (("first", "2024-07-"), ("second", "2024-04-")):
        text = large().replace("2024-07-", month).replace("-0.0009296.0025941", bad)
        (tmp_path / bad).mkdir()
        (tmp_path / bad / "SPY_2024.csv").write_text(text)
        results.append(fixtures.run(tmp_path / bad / "SPY_2024.csv", tmp_path, ticker="SPY"))
    for result, bad in zip(results, ("first", "second"), strict=True):
        assert pl.read_csv(result.refusals)["reason"][0] == f"source_theta {bad} is no number"


def test_an_expiry_of_more_than_ten_years_is_refused(tmp_path):
    rows = large().splitlines()
    rows[700] = rows[700].replace("2024-07-19", "2118-07-20")
    rows[701] = rows[701].replace("2024-07-19", "2034-01-20")
    path = tmp_path / "SPY_2024.csv"
    path.write_text("\n".join(rows) + "\n")
    result = fixtures.run(path, tmp_path, ticker="SPY")
    assert (result.written, result.refused) == (1_997, 3)
    assert pl.read_csv(result.refusals)["reason"][1] == (
        "expiry 2118-07-20 is more than ten years after the session"
    )


def test_a_file_with_a_new_time_of_change_is_no_other_file(tmp_path, monkeypatch):
    monkeypatch.setattr(head, "PRINT_BYTES", 20)
    path = tmp_path / "SPY_2024.csv"
    path.write_text(fixtures.table())
    fixtures.run(path, tmp_path, ticker="SPY")
    os.utime(path, (0, 0))
    assert fixtures.run(path, tmp_path, ticker="SPY").written == 20
    assert fixtures.run(path, tmp_path, ticker="SPY").was_done
    for day in fixtures.DAYS:
        assert read(tmp_path, day) == expected(day)
    # Another number of the same length between the ends is noticed.
    path.write_text(fixtures.table().replace(",540.0,call,5.0,", ",540.0,call,4.0,"))
    with pytest.raises(UsageError, match="1 call would be overwritten, and the other 19 stay"):
        fixtures.run(path, tmp_path, ticker="SPY")


def test_several_times_of_day_are_no_end_of_day_file(tmp_path):
    path = tmp_path / "spy.txt"
    path.write_text(fixtures.optionsdx().replace("16.000000", "9.500000", 1))
    with pytest.raises(SourceError, match=r"several times of day on 2024-07-01 .*end-of-day file"):
        fixtures.run(path, tmp_path, ticker="SPY")


def test_decimal_commas_and_us_dates_are_those_of_the_whole_file(tmp_path):
    text = fixtures.table().replace(",", ";").replace(".", ",")
    for day in fixtures.DAYS:
        year, month, number = day.split("-")
        text = text.replace(day, f"{month}/{number}/{year}")
    path = tmp_path / "SPY_2024.csv"
    path.write_text(text.replace("2024-07-19", "07/19/2024"))
    fixtures.run(path, tmp_path, ticker="SPY")
    for day in fixtures.DAYS:
        assert read(tmp_path, day) == expected(day)
    ambiguous = tmp_path / "b.csv"
    ambiguous.write_text(path.read_text().replace("07/19/2024", "07/08/2024"))
    with pytest.raises(SourceError, match="may be 2024-0"):
        fixtures.run(ambiguous, tmp_path, ticker="SPY")


def test_the_tickers_of_a_file_get_their_own_files_and_others_are_counted(tmp_path):
    other = fixtures.dolthub().replace(",SPY,", ",BRK.B,").split("\n", 1)[1]
    rows = (fixtures.dolthub() + other).splitlines()
    # In no order of days or tickers.
    path = tmp_path / "option_chain.csv"
    path.write_text("\n".join([rows[0], *sorted(rows[1:], key=lambda row: row[::-1])]) + "\n")
    result = fixtures.run(path, tmp_path)
    assert result.months == {"BRK.B_2024-07": 20, "SPY_2024-07": 20}
    for day in fixtures.DAYS:
        assert read(tmp_path, day) == expected(day)
        assert read(tmp_path, day, "BRK.B") == expected(day)
    only = fixtures.run(path, tmp_path / "only", ticker="SPY", only="SPY")
    assert (only.read, only.written, only.others) == (40, 20, 20)
    assert only.months == {"SPY_2024-07": 20}


def test_a_second_import_is_not_done_again(tmp_path):
    path = tmp_path / "SPY_2024.csv"
    path.write_text(fixtures.table())
    assert not fixtures.run(path, tmp_path, ticker="SPY").was_done
    month = tmp_path / "options" / "SPY_2024-07.parquet"
    before = month.stat()
    again = fixtures.run(path, tmp_path, ticker="SPY")
    assert again.was_done
    assert again.written == 20
    assert month.stat() == before
    month.unlink()
    assert not fixtures.run(path, tmp_path, ticker="SPY").was_done
    assert read(tmp_path, "2024-07-01") == expected("2024-07-01")


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3_000), st.sampled_from([fixtures.table, fixtures.optionsdx, large]))
@pytest.mark.long
def test_the_rows_do_not_depend_on_how_the_file_is_cut_into_blocks(tmp_path_factory, block, make):
    path = tmp_path_factory.mktemp("blocks") / "SPY.csv"
    path.write_text(make())
    layout = chain_head(path)

    def rows(size):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batches, "BLOCK_BYTES", size)
            read = list(batches.read_batches(layout))
        frames = [one.frame.select(pl.all().cast(pl.String).str.strip_chars()) for one in read]
        broken = pl.concat([one.broken for one in read])
        return pl.concat(frames), broken

    whole, whole_broken = rows(1_000_000)
    cut, cut_broken = rows(block)
    assert cut_broken.equals(whole_broken)
    assert cut["line"].equals(whole["line"])
    assert cut.height == whole.height


def test_a_session_is_read_with_one_row_group_whatever_else_the_month_has(tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / "SPY_2024.csv"
    path.write_text(large())
    fixtures.run(path, tmp_path, ticker="SPY")
    month = tmp_path / "options" / "SPY_2024-07.parquet"
    metadata = pq.read_metadata(month)
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [499, 500, 499, 500]
    wanted = fixtures.chain(tmp_path, "2024-07-02")
    content = bytearray(month.read_bytes())
    for group in (groups[0], groups[2], groups[3]):
        columns = [group.column(at) for at in range(group.num_columns)]
        first = min(one.dictionary_page_offset or one.data_page_offset for one in columns)
        size = sum(one.total_compressed_size for one in columns)
        content[first : first + size] = b"\xff" * size
    month.write_bytes(content)
    assert fixtures.chain(tmp_path, "2024-07-02").equals(wanted)
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        fixtures.chain(tmp_path, "2024-07-03")
