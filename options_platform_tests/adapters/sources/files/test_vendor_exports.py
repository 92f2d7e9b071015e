"""Each export of a vendor is read correctly, or refused with the true reason."""

import gzip
from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.sources.files.bulk.head import chain_head
from options_platform.adapters.sources.files.bulk.importing import ChainRequest, import_chains
from options_platform.adapters.sources.files.bulk.months import sessions_in
from options_platform.adapters.sources.files.conversion import Request, convert, ticker_of
from options_platform.adapters.sources.files.layouts import LAYOUTS, recognise
from options_platform.adapters.sources.files.layouts.layout import ONE_VALUE
from options_platform.adapters.sources.files.text.rows import plain
from options_platform.errors import PlatformError
from options_platform_tests.adapters.sources.files import (
    vendor_bars,
    vendor_calendars,
    vendor_chains,
    vendor_desks,
    vendor_events,
    vendor_kinds,
)

NOW = datetime(2026, 11, 28, tzinfo=UTC)
EXPORTS = (
    *vendor_bars.BARS,
    *vendor_events.DATABASES,
    *vendor_events.INDICES,
    *vendor_events.ACTIONS,
    *vendor_events.EARNINGS,
    *vendor_chains.CHAINS,
    *vendor_desks.BARS,
    *vendor_calendars.ACTIONS,
    *vendor_calendars.EARNINGS,
    *vendor_calendars.CHAINS,
    *vendor_kinds.ALL,
)


def written(folder, export):
    paths = []
    for one in (export, *export.beside):
        content = one.content if isinstance(one.content, bytes) else one.content.encode()
        path = folder / one.file
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        paths.append(path)
    return paths


def imported(folder, export):
    """The files that an import makes: tables, and each chain as the source csv reads it."""
    asked = dict(export.asked)
    session = asked.pop("session", None)
    paths = written(folder, export)
    heads = {path: chain_head(path) for path in paths}
    tables = convert([path for path in paths if heads[path] is None], Request(**asked))
    made = {one.name: one.rows for one in tables}
    for head in (head for head in heads.values() if head is not None):
        only = asked.get("ticker")
        request = ChainRequest(
            ticker=only or (None if "ticker" in head.columns else ticker_of(head.path)),
            only=only,
            session=session and date.fromisoformat(session),
            whole=asked.get("whole", False),
        )
        made |= chains_of(
            folder / "made", import_chains(head, folder / "made" / "options", request)
        )
    return made


def chains_of(folder, result):
    """Each imported chain, under the name of a file of its session."""
    source = open_source("csv", SourceOptions(csv_dir=str(folder)))
    chains = {}
    for month in result.months:
        ticker = month.rsplit("_", 1)[0]
        for day in sessions_in(folder / "options" / f"{month}.parquet"):
            chain = source.option_chain(ticker, date.fromisoformat(day), NOW)
            chains[f"options/{ticker}_{day}.csv"] = chain
    return chains


def shown(value):
    """A value as text of the csv layout."""
    return value if isinstance(value, float | None) else str(value)


READ = [export for export in EXPORTS if not isinstance(export.wanted, str)]
REFUSED = [export for export in EXPORTS if isinstance(export.wanted, str)]


@pytest.mark.parametrize("export", READ, ids=[one.origin for one in READ])
def test_an_export_is_read_correctly(tmp_path, export):
    files = imported(tmp_path, export)
    assert set(export.wanted) == set(files)
    for name, wanted in export.wanted.items():
        rows = files[name].rows(named=True)
        fitting = [
            row
            for row in rows
            if all(
                shown(row.get(key)) == (pytest.approx(want) if isinstance(want, float) else want)
                or (isinstance(want, str) and str(row.get(key)).replace(" ", "T").startswith(want))
                for key, want in wanted.items()
            )
        ]
        assert fitting, (wanted, rows)


@pytest.mark.parametrize("export", REFUSED, ids=[one.origin for one in REFUSED])
def test_an_export_that_cannot_be_read_is_refused_with_the_true_reason(tmp_path, export):
    with pytest.raises(PlatformError, match=export.wanted) as error:
        imported(tmp_path, export)
    assert export.file in str(error.value)
    assert "\n" not in str(error.value)


def test_the_exports_cover_many_publishers():
    assert len(EXPORTS) >= 150
    assert len({export.origin.split(",")[0].split(" ")[0] for export in EXPORTS}) >= 70
    assert {len(REFUSED) > 50, len(READ) > 85} == {True}


FLAT = "ticker,volume,open,close,high,low,window_start,transactions\n"


def flat_file(folder, day, nanoseconds, close):
    path = folder / f"{day}.csv"
    path.write_text(f"{FLAT}AAPL,100,1,{close},9,1,{nanoseconds},5\n")
    return path


def test_files_of_single_days_become_one_file_without_a_repeated_day(tmp_path):
    days = (("2024-07-01", 1719806400000000000), ("2024-07-02", 1719892800000000000))
    paths = [flat_file(tmp_path, day, at, close) for close, (day, at) in enumerate(days, 2)]
    (made,) = convert(paths[::-1], Request())
    assert made.rows["close"].to_list() == [2.0, 3.0]
    assert made.origin == "bars of Polygon's flat files, prices as traded and 1 more"
    with pytest.raises(PlatformError, match=r"several of the files give AAPL\.csv for 2024-07-01"):
        convert([paths[0], flat_file(tmp_path, "again", days[0][1], 7)], Request())


def test_a_row_without_a_ticker_is_refused(tmp_path):
    path = flat_file(tmp_path, "2024-07-01", 1719806400000000000, 2)
    path.write_text(path.read_text() + ",100,1,2,9,1,1719806400000000000,5\n")
    with pytest.raises(PlatformError, match="has a row without its ticker"):
        convert([path], Request())


def test_imported_files_are_read_by_the_source_csv(tmp_path):
    export = next(one for one in vendor_bars.BARS if one.origin.startswith("Alpha Vantage"))
    folder = tmp_path / "csv"
    folder.mkdir()
    for name, rows in imported(tmp_path, export).items():
        rows.write_csv(folder / name)
    source = open_source("csv", SourceOptions(csv_dir=str(folder)))
    bars = source.bars("AAPL", date(2020, 8, 28), date(2020, 8, 31))
    assert bars["close"].to_list() == [pytest.approx(124.8075), 129.04]
    assert bars["split_factor"].to_list() == [4.0, 1.0]
    assert bars["dividend"].to_list() == [pytest.approx(0.2), 0.0]
    # Read as it came, it says the same.
    (folder / "AAPL.csv").write_text(export.content)
    (folder / "AAPL_actions.csv").unlink()
    assert source.bars("AAPL", date(2020, 8, 28), date(2020, 8, 31)).equals(bars)


@pytest.mark.parametrize(
    ("name", "sessions"),
    [
        ("options/spy_eod/SPY_2015-01-05.csv.gz", 1),
        ("options/spx/SPXW_2018-01_2018-02_eod.csv.gz", None),
        ("options/VXX_2016-12_eod.csv.gz", None),
        ("options/earnings_straddles/AAPL.csv", None),
    ],
)
def test_real_chains_of_vendors_are_imported_without_losing_a_quote(
    reference_data, tmp_path, name, sessions
):
    head = chain_head(reference_data / name)
    result = import_chains(head, tmp_path / "options", ChainRequest())
    raw = pl.read_csv(reference_data / name, infer_schema=False)
    assert (result.read, result.written, result.refused) == (raw.height, raw.height, 0)
    chains = chains_of(tmp_path, result)
    assert sessions is None or len(chains) == sessions
    assert sum(chain.height for chain in chains.values()) == raw.height


@pytest.mark.parametrize("layout", LAYOUTS, ids=[f"{one.kind} {one.name}" for one in LAYOUTS])
def test_every_header_is_recognised_as_its_own_layout(tmp_path, layout):
    """A layout that a plainer or an earlier one hides could never be chosen."""
    sides = [*layout.calls.values(), *layout.puts.values()]
    names = [*(layout.exact or layout.columns.values()), *sides]
    header = ["value" if name == ONE_VALUE else name.removesuffix(" 2") for name in names]
    if layout.exact:
        plain_exact = {plain(name) for name in layout.exact}
        others = [name for name in layout.columns.values() if name not in plain_exact]
        header += ["value" if name == ONE_VALUE else name for name in others]
    match = recognise(header, LAYOUTS, (layout.kind,))
    assert match is not None
    assert match.layout.name == layout.name
