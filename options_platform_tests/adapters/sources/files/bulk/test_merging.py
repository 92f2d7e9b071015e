"""Imports of several files share their months, and none loses quotes of another unasked."""

import json
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.adapters.sources.files.bulk.importing import RECORDS
from options_platform.adapters.sources.files.bulk.merging import merge
from options_platform.adapters.sources.files.bulk.months import sessions_in
from options_platform.errors import SourceError, UsageError
from options_platform_tests.adapters.sources.files.bulk import fixtures

HEADER = "date,underlying,expiration,strike,type,bid,ask"
JULY = "2024-07-01,SPY,2024-07-19"


def file_of(folder, name, *rows, header=HEADER):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def bids(folder, month="SPY_2024-07"):
    """Session, right, strike and bid of all stored quotes, sorted."""
    stored = pl.read_parquet(folder / "options" / f"{month}.parquet")
    rows = stored.select(pl.col("session").cast(pl.String), "right", "strike", "bid").rows()
    return sorted(rows)


def two_days(folder, name, bid):
    """A file of one put on each of two days."""
    rows = [f"{day},SPY,2024-07-19,540,put,{bid},{bid + 0.05}" for day in fixtures.DAYS]
    return file_of(folder, name, *rows)


def test_a_file_whose_quotes_were_replaced_can_be_imported_again(tmp_path):
    first = two_days(tmp_path, "first.csv", 1.0)
    second = file_of(tmp_path, "second.csv", f"{JULY},540,put,9.0,9.05")
    fixtures.run(first, tmp_path)
    fixtures.run(second, tmp_path, replace=True)
    assert [row[-1] for row in bids(tmp_path)] == [9.0, 1.0]
    with pytest.raises(UsageError, match="has the session 2024-07-01 from another file; 1 put wo"):
        fixtures.run(first, tmp_path)
    again = fixtures.run(first, tmp_path, replace=True)
    assert (again.was_done, again.written) == (False, 2)
    assert [row[-1] for row in bids(tmp_path)] == [1.0, 1.0]
    assert fixtures.run(first, tmp_path).was_done
    with pytest.raises(UsageError, match="1 put would be overwritten, and the other 1 stay"):
        fixtures.run(second, tmp_path)


def test_a_record_of_the_former_version_is_no_proof_that_a_file_was_imported(tmp_path):
    first = two_days(tmp_path, "first.csv", 1.0)
    fixtures.run(first, tmp_path)
    (record,) = (tmp_path / "options" / RECORDS).glob("*/progress.json")
    stored = json.loads(record.read_text())
    del stored["sessions"]
    record.write_text(json.dumps(stored))
    assert not fixtures.run(first, tmp_path).was_done
    assert [row[-1] for row in bids(tmp_path)] == [1.0, 1.0]


def test_another_file_adds_its_sessions_and_replaces_quotes_of_others_only_on_request(tmp_path):
    header, *rows = fixtures.table().splitlines()
    changed = [row.replace("5.1", "5.2") for row in rows]
    for name, lines in (("first", changed[:10]), ("second", changed[10:]), ("both", rows)):
        file_of(tmp_path, name, *lines, header=header)
    for name in ("second", "first"):
        fixtures.run(tmp_path / name, tmp_path, ticker="SPY")
    chains = [fixtures.chain(tmp_path, day) for day in fixtures.DAYS]
    assert [chain.height for chain in chains] == [10, 10]
    with pytest.raises(UsageError, match="has the session 2024-07-01 and 1 more from another file"):
        fixtures.run(tmp_path / "both", tmp_path, ticker="SPY")
    fixtures.run(tmp_path / "both", tmp_path, ticker="SPY", replace=True)
    stored = pl.read_parquet(tmp_path / "options" / "SPY_2024-07.parquet")
    wanted = sorted((*row[1:5], row[0]) for row in fixtures.quotes())
    day = pl.col("session").cast(pl.String)
    assert sorted(stored.select("right", "strike", "bid", "ask", day).rows()) == wanted


def test_a_file_with_the_same_quotes_overwrites_nothing_and_needs_no_request(tmp_path):
    fixtures.run(two_days(tmp_path, "first.csv", 1.0), tmp_path)
    copied = file_of(tmp_path, "copy.csv", f"{JULY},540,put,1.0,1.05")
    assert fixtures.run(copied, tmp_path).written == 1
    assert [row[-1] for row in bids(tmp_path)] == [1.0, 1.0]


def test_calls_and_puts_in_separate_files_are_both_kept(tmp_path):
    calls = file_of(tmp_path, "calls.csv", *(f"{JULY},{k},call,1.0,1.05" for k in (540, 541)))
    puts = file_of(tmp_path, "puts.csv", *(f"{JULY},{k},put,2.0,2.05" for k in (540, 541)))
    fixtures.run(calls, tmp_path)
    fixtures.run(puts, tmp_path)
    both = [("2024-07-01", "call", k, 1.0) for k in (540.0, 541.0)]
    both += [("2024-07-01", "put", k, 2.0) for k in (540.0, 541.0)]
    assert bids(tmp_path) == both
    assert fixtures.run(calls, tmp_path).was_done
    assert fixtures.run(puts, tmp_path).was_done
    corrected = file_of(tmp_path, "corrected.csv", f"{JULY},540,call,1.5,1.55")
    with pytest.raises(
        UsageError,
        match="from another file; 2 calls would be overwritten, 1 of them of contracts that the "
        "new file does not have, and the other 2 stay",
    ):
        fixtures.run(corrected, tmp_path)
    fixtures.run(corrected, tmp_path, replace=True)
    assert bids(tmp_path) == [("2024-07-01", "call", 540.0, 1.5), *both[2:]]
    assert not fixtures.run(puts, tmp_path).was_done


def test_expiries_in_separate_files_are_both_kept(tmp_path):
    for expiry in ("2024-07-19", "2024-07-26"):
        rows = [f"2024-07-01,SPY,{expiry},540,put,1.0,1.05"]
        fixtures.run(file_of(tmp_path, f"{expiry}.csv", *rows), tmp_path)
    assert len(bids(tmp_path)) == 2


def own_file(folder, **columns):
    """A month file that the user made."""
    path = folder / "options" / "SPY_2024-07.parquet"
    path.parent.mkdir()
    days = [date(2024, 7, day) for day in (1, 2, 3)]
    pl.DataFrame(
        {
            "date": days,
            "expiration": date(2024, 7, 19),
            "strike": 540.0,
            "type": ["put", "call", "put"],
            "bid": 1.0,
            "ask": 1.05,
        }
        | columns
    ).write_parquet(path)
    return path


def test_the_sessions_of_a_month_file_of_the_user_are_kept(tmp_path):
    own_file(tmp_path, note="mine")
    other = file_of(tmp_path, "other.csv", "2024-07-05,SPY,2024-07-19,540,put,3.0,3.05")
    with pytest.raises(
        UsageError,
        match=r"was not imported; --replace would rewrite it in the platform's layout with its "
        r"1 call and 2 puts of 3 sessions, without its columns note$",
    ):
        fixtures.run(other, tmp_path)
    fixtures.run(other, tmp_path, replace=True)
    kept = [("2024-07-01", "put"), ("2024-07-02", "call"), ("2024-07-03", "put")]
    assert bids(tmp_path) == [
        *((*row, 540.0, 1.0) for row in kept), ("2024-07-05", "put", 540.0, 3.0)
    ]  # fmt: skip
    for day in (1, 2, 3, 5):
        assert fixtures.chain(tmp_path, f"2024-07-0{day}").height == 1
    next_day = file_of(tmp_path, "next.csv", "2024-07-08,SPY,2024-07-19,540,put,3.0,3.05")
    fixtures.run(next_day, tmp_path)
    assert len(bids(tmp_path)) == 5


@pytest.mark.parametrize("columns", [{"underlying": ["SPY", "QQQ", "SPY"]}, {"strike": [0.0] * 3}])
def test_a_month_file_of_the_user_that_is_not_understood_is_left_alone(tmp_path, columns):
    path = own_file(tmp_path, **columns)
    before = path.read_bytes()
    other = file_of(tmp_path, "other.csv", "2024-07-05,SPY,2024-07-19,540,put,3.0,3.05")
    with pytest.raises(SourceError, match="cannot be joined with an import; move it away"):
        fixtures.run(other, tmp_path, replace=True)
    assert path.read_bytes() == before


def quotes_with(roots):
    rows = st.tuples(
        st.sampled_from([date(2024, 7, 1), date(2024, 7, 2)]),
        st.sampled_from([date(2024, 7, 19), date(2024, 7, 26)]),
        st.sampled_from(["call", "put"]),
        st.sampled_from([540.0, 541.0, 542.0]),
        st.sampled_from(roots),
        st.sampled_from([None, 1.0, 2.0]),
    )
    return st.lists(rows, unique_by=lambda row: row[:5])


QUOTES = quotes_with([None]) | quotes_with(["SPX", "SPXW"])
SCHEMA = {
    "session": pl.Date,
    "expiry": pl.Date,
    "right": pl.String,
    "strike": pl.Float64,
    "contract_symbol": pl.String,
    "bid": pl.Float64,
}
NAMES = list(SCHEMA)


def frame(rows):
    rows = [(*row[:4], row[4] and f"{row[4]}240719P00540000", row[5]) for row in rows]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@given(QUOTES, QUOTES)
def test_every_stored_quote_is_kept_the_same_or_counted_as_lost(stored, new):
    stored, new = frame(stored), frame(new)
    merged = merge(stored, new)
    assert merged.kept.height + merged.lost.height + merged.same == stored.height
    expiry = ["session", "expiry", "right"]
    untouched = stored.join(new, on=expiry, how="anti")
    assert untouched.join(merged.kept, on=NAMES, how="anti", nulls_equal=True).is_empty()
    assert merged.lost.join(new, on=NAMES, how="semi", nulls_equal=True).is_empty()


@given(QUOTES, QUOTES)
def test_the_same_quotes_can_be_merged_twice_and_no_contract_is_there_twice(stored, new):
    new = frame(new)
    joined = pl.concat([merge(frame(stored), new).kept, new])
    again = merge(joined, new)
    assert again.lost.is_empty()
    assert pl.concat([again.kept, new]).sort(NAMES).equals(joined.sort(NAMES))
    assert joined.select(NAMES[:5]).is_unique().all()


def test_each_session_of_a_month_names_its_imports(tmp_path):
    fixtures.run(two_days(tmp_path, "first.csv", 1.0), tmp_path)
    fixtures.run(file_of(tmp_path, "calls.csv", f"{JULY},540,call,1.0,1.05"), tmp_path)
    imports = sessions_in(tmp_path / "options" / "SPY_2024-07.parquet")
    assert {day: len(names) for day, names in imports.items()} == {
        "2024-07-01": 2, "2024-07-02": 1,
    }  # fmt: skip
