"""The report names the known defects of real files."""

import os
import re
from datetime import UTC, date, datetime

import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.domain.chain.ingest import ChainGates, judge_chains
from options_platform.reporting.defects import price_defects, quote_defects
from options_platform.reporting.report import write_report
from options_platform_tests.chain_files import read_chain_file
from options_platform_tests.domain.checks.test_real_defects import cleaned
from options_platform_tests.platform import make_platform_settings, run
from options_platform_tests.scripted import calm_bars

NOW = datetime(2026, 1, 2, tzinfo=UTC)
YAHOO = "options/yahoo/QQQ_20260211T1631Z.csv.gz"


def words_of(settings):
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30)
    html = write_report(settings, warehouse, now=NOW).read_text()
    text = re.sub(r"<img[^>]*>", "", html)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def made_of(reference_data, tmp_path, *, ticker, files, start, end, **changes):
    """A home with bars and indices from a folder of real files."""
    folders = os.pathsep.join(str(folder) for folder in (tmp_path, *files))
    settings = make_platform_settings(
        tmp_path / "home", source="csv", csv_dir=folders, tickers=(ticker,), start=start, end=end,
        **changes,
    )  # fmt: skip
    run(settings, assets=["raw_ohlcv", "vix"])
    return settings


def test_the_defects_of_qqq_and_of_the_vix_are_named(reference_data, tmp_path):
    paid = pl.read_csv(reference_data / "prices" / "QQQ_dividends.csv", infer_schema=False)
    actions = paid.select(date="ex_date", dividend="cash_amount", split_ratio=pl.lit("1"))
    actions.write_csv(tmp_path / "QQQ_actions.csv")
    folders = (reference_data / "prices", reference_data / "vol")
    settings = made_of(
        reference_data, tmp_path, ticker="QQQ", files=folders,
        start=date(2003, 6, 2), end=date(2020, 12, 31), iv_symbol={"QQQ": "VIX6M"},
    )  # fmt: skip
    raw = read_chain_file(reference_data / YAHOO)
    closes = raw.select("date", "ticker").unique().with_columns(close=pl.lit(None, pl.Float64))
    gates = {"rate": 0.036, "dividend": 0.005, "fetched_at": NOW}
    ChainStore(settings.chains_path).write(judge_chains(raw, closes, ChainGates(), **gates))
    page = words_of(settings)
    assert "QQQ 2020-09-21 adj_close misses the dividend of 0.38824 USD" in page
    assert "VIX6M high_below_low warning 1 1 0 0 2019-07-05 2019-07-05" in page
    assert re.search(r"VIX outside_range warning \d+", page)
    assert re.search(r"VIX implausible_high warning \d+", page)
    assert re.search(r"QQQ 2026-02-11 CROSSED 7 ", page)
    assert re.search(r"QQQ 2026-02-11 IV_BOUNDS \d+ ", page)


def test_the_gap_of_qqq_and_nvdas_adjusted_prices_are_named(reference_data, tmp_path):
    lean = pl.read_csv(reference_data / "prices_alt" / "QQQ_lean.csv", infer_schema=False)
    lean.with_columns(adj_close="close").write_csv(tmp_path / "QQQ.csv")
    span = {"start": date(2004, 6, 1), "end": date(2011, 6, 30)}
    settings = made_of(
        reference_data, tmp_path, ticker="QQQ", files=[reference_data / "vol"], **span
    )
    assert re.search("QQQ 2004-12-01 2011-03-22 1,?588", words_of(settings))
    (tmp_path / "nvda").mkdir()
    files = (reference_data / "prices", reference_data / "vol")
    settings = made_of(reference_data, tmp_path / "nvda", ticker="NVDA", files=files, **span)
    assert "NVDA all open to close are adjusted for dividends as well" in words_of(settings)


def test_prices_that_contradict_their_dividends_are_listed_except_a_proxys():
    day = date(2023, 9, 15)
    paid = pl.when(pl.col("date") == day).then(0.5).otherwise(0.0)
    late = pl.col("date") >= date(2024, 1, 3)
    part = pl.when(late).then(1.0).otherwise(0.98)
    bars = cleaned(calm_bars().with_columns(pl.col("adj_close") * part, dividend=paid)).rows
    found = price_defects(bars, proxy=False)
    assert [(one["date"], one["ticker"]) for one in found] == [
        (day, "SPY"), (date(2024, 1, 3), "SPY")
    ]  # fmt: skip
    assert "misses the dividend of 0.5 USD" in found[0]["what"]
    assert price_defects(bars, proxy=True) == []
    equal = cleaned(calm_bars(dividend=None).with_columns(
        pl.col(n) * 0.98712345 for n in ("open", "high", "low", "close", "adj_close")
    )).rows  # fmt: skip
    assert [one["date"] for one in price_defects(equal, proxy=False)] == [None]


def test_quotes_are_counted_by_the_gate_that_refused_them():
    chains = pl.DataFrame(
        {
            "date": [date(2024, 7, 3)] * 5,
            "ticker": ["SPY"] * 5,
            "quality": ["CROSSED", None, "IV_BOUNDS", "IV_BOUNDS", None],
        }
    )
    assert [(r["gate"], r["contracts"], r["share"]) for r in quote_defects(chains)] == [
        ("good", 2, 0.4), ("IV_BOUNDS", 2, 0.4), ("CROSSED", 1, 0.2)
    ]  # fmt: skip
    assert quote_defects(chains.clear()) == []
