"""FRED's copy of an index beside the exchange's own file."""

from datetime import date

import polars as pl
import pytest

from options_platform.adapters.sources.files.folder import CsvSource
from options_platform.domain.calendar.sessions import sessions
from options_platform.errors import SourceError, UnknownSymbolError

DAYS = sessions(date(2024, 1, 2), date(2024, 4, 30))
SPAN = (date(2023, 1, 3), date(2024, 12, 31))


def write(folder, name, days, values, header="date,close"):
    folder.mkdir(exist_ok=True)
    shown = ["" if value is None else str(value) for value in values]
    lines = [header, *(f"{day},{value}" for day, value in zip(days, shown, strict=True))]
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def rising(count, first=20.0):
    return [round(first + 0.1 * n, 2) for n in range(count)]


def closes(source, symbol="VXN"):
    return dict(source.index_bars(symbol, *SPAN).select("date", "close").iter_rows())


@pytest.fixture
def spliced(reference_data):
    return closes_of_all(CsvSource(str(reference_data / "vol")))


def closes_of_all(source):
    rows = source.index_bars("VXN", date(2000, 1, 3), date(2024, 12, 31))
    return dict(rows.select("date", "close").iter_rows())


def test_the_vxn_reaches_back_to_2001_with_freds_file(spliced):
    """Known values: FRED's first day, the first and last of the exchange's file, and one on which
    FRED has 21.30."""
    assert min(spliced) == date(2001, 2, 2)
    assert spliced[date(2001, 2, 2)] == 54.89
    assert spliced[date(2009, 9, 14)] == 24.93
    assert spliced[date(2010, 4, 27)] == 17.81
    assert spliced[date(2024, 12, 31)] == 19.92
    # The exchange's file lacks this session; FRED has it.
    assert spliced[date(2017, 2, 15)] == 12.23


def test_the_order_of_the_folders_does_not_decide_which_file_is_the_exchanges(tmp_path):
    write(tmp_path / "own", "VXN", DAYS, rising(len(DAYS)))
    agreeing = rising(len(DAYS))
    write(tmp_path / "fred", "VXNCLS", [*DAYS, date(2024, 5, 1)], [*agreeing, 31.0])
    results = [
        closes(CsvSource(f"{tmp_path / one}:{tmp_path / other}"))
        for one, other in (("own", "fred"), ("fred", "own"))
    ]
    assert results[0] == results[1]
    assert results[0][date(2024, 5, 1)] == 31.0


def test_a_day_without_a_value_is_filled_and_a_known_value_is_not_replaced(tmp_path):
    own = rising(len(DAYS))
    own[5] = None
    write(tmp_path, "VXN", DAYS, own)
    fred = [value + 0.04 for value in rising(len(DAYS))]
    write(tmp_path, "VXNCLS", DAYS, fred, header="observation_date,VXNCLS")
    values = closes(CsvSource(str(tmp_path)))
    assert values[DAYS[5]] == fred[5]
    assert values[DAYS[4]] == own[4]


def test_freds_marker_of_a_holiday_is_no_value(tmp_path):
    write(tmp_path, "RVXCLS", DAYS[:3], [20.0, ".", 21.0], header="DATE,RVXCLS")
    assert list(closes(CsvSource(str(tmp_path)), "RVX").values())[::2] == [20.0, 21.0]


def test_files_that_disagree_on_more_than_one_day_in_a_hundred_are_refused(tmp_path):
    other = rising(len(DAYS))
    other[7] += 3.0
    other[9] += 0.06
    write(tmp_path, "VXN", DAYS, rising(len(DAYS)))
    write(tmp_path, "VXNCLS", DAYS, other)
    with pytest.raises(
        SourceError, match=r"VXN.csv and VXNCLS.csv are not the same index"
    ) as error:
        closes(CsvSource(str(tmp_path)))
    assert f"differ on 2 of {len(DAYS)} days, most on {DAYS[7]} (20.7 and 23.7)" in str(error.value)


def test_one_day_in_a_hundred_may_differ(tmp_path):
    days = sessions(date(2023, 9, 1), date(2024, 4, 30))
    other = rising(len(days))
    other[7] += 3.0
    write(tmp_path, "VXN", days, rising(len(days)))
    write(tmp_path, "VXNCLS", days, other)
    assert closes(CsvSource(str(tmp_path)))[days[7]] == 20.7


@pytest.mark.parametrize(("gap", "joins"), [(0, True), (5, True), (6, False), (40, False)])
def test_files_without_common_days_must_adjoin(tmp_path, gap, joins):
    early, late = DAYS[:30], DAYS[30 + gap :]
    write(tmp_path, "VXNCLS", early, rising(len(early)))
    write(tmp_path, "VXN", late, rising(len(late)))
    source = CsvSource(str(tmp_path))
    if joins:
        assert len(closes(source)) == len(early) + len(late)
        return
    with pytest.raises(SourceError, match=f"{gap} sessions lie between them"):
        closes(source)


def test_freds_file_alone_is_the_index(tmp_path):
    write(tmp_path, "VXNCLS", DAYS, rising(len(DAYS)))
    source = CsvSource(str(tmp_path))
    assert source.info.indices == ("VXN", "VXNCLS")
    assert closes(source)[DAYS[0]] == 20.0
    assert source.understood("VXN") == "VXNCLS.csv: index of the csv layout"
    with pytest.raises(UnknownSymbolError, match=r"no RVX.csv or RVX.parquet in"):
        closes(source, "RVX")


def test_doctor_names_both_files(tmp_path):
    write(tmp_path, "VXN", DAYS, rising(len(DAYS)))
    write(tmp_path, "VXNCLS", DAYS, rising(len(DAYS)), header="observation_date,VXNCLS")
    assert CsvSource(str(tmp_path)).understood("VXN") == (
        "VXN.csv: index of the csv layout; days that it lacks from VXNCLS.csv: index of FRED"
    )


def test_a_value_that_is_bad_is_left_to_be_set_aside(tmp_path):
    own = rising(len(DAYS))
    own[6] = -1.0
    days = pl.Series(DAYS)
    write(tmp_path, "VXN", DAYS, own)
    write(tmp_path, "VXNCLS", DAYS[10:], rising(len(DAYS))[10:])
    assert closes(CsvSource(str(tmp_path)))[days[6]] == -1.0
