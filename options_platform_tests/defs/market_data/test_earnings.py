"""The asset `earnings` through Dagster: what is stored, and what is said where there is none."""

from datetime import UTC, date, datetime

import dagster as dg
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS
from options_platform.errors import SourceError
from options_platform.runs import run_job
from options_platform.services.market_data.earnings import update_earnings
from options_platform.services.market_data.platform import make_platform
from options_platform_tests.fakes.chain_source import ChainSource
from options_platform_tests.platform import make_platform_settings

START, END = date(2016, 12, 1), date(2017, 1, 31)
NOW = datetime(2017, 2, 1, 6, tzinfo=UTC)
SPAN = PartitionRange(date(2017, 1, 3), date(2017, 1, 31), ("SPY", "QQQ"))
KNOWN = [(date(2017, 1, 28), "QQQ"), (date(2017, 1, 28), "SPY"),
         (date(2017, 4, 29), "QQQ"), (date(2017, 4, 29), "SPY")]  # fmt: skip


class Moving(ChainSource):
    """A source whose planned report can move, and that can fail for a ticker."""

    planned = date(2017, 4, 29)
    broken = ()

    def earnings(self, ticker, start, end):
        if ticker in self.broken:
            raise SourceError(f"no answer about {ticker}")
        given = super().earnings(ticker, start, end)
        moved = pl.when(pl.col("date") == date(2017, 4, 29)).then(pl.lit(self.planned))
        given = given.with_columns(date=moved.otherwise("date"), eps_reported=pl.lit(1.1))
        return given.filter(pl.col("date").is_between(start, end))


@pytest.fixture
def home(tmp_path):
    return make_platform_settings(tmp_path, start=START, end=END)


def platform_of(settings, source):
    return make_platform(settings, source=lambda: source, now=lambda: NOW)


def stored(settings):
    return Warehouse(settings.warehouse_path).read(EARNINGS)


def told(settings, ticker="SPY"):
    """The metadata of the ticker's newest partition; None if it was not materialised."""
    key = f"2017-01-31|{ticker}"
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        found = instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey("earnings"), asset_partitions=[key]), 1
        ).records
    if not found:
        return None
    return {name: value.value for name, value in found[0].asset_materialization.metadata.items()}


def test_the_run_stores_past_reports_and_planned_ones_and_tells_dagster(home):
    source = ChainSource()
    outcomes = run_job(home, SPAN, assets=["earnings"], source=lambda: source, now=lambda: NOW)
    assert stored(home).select("date", "ticker").rows() == KNOWN
    said = told(home)
    assert said["dagster/row_count"] == 4
    assert said["planned_reports"] == 2
    assert "why_empty" not in said
    # The fake reports on Saturdays, which is a warning and stops nothing.
    assert [warning.split(":")[0] for warning in outcomes[0].warnings] == [
        "earnings.reports_on_sessions"
    ]


def test_a_source_that_has_none_leaves_the_table_as_it_is_and_says_why(tmp_path):
    home = make_platform_settings(tmp_path, source="sample", start=START, end=END)
    run_job(home, SPAN, assets=["earnings"])
    assert stored(home).is_empty()
    assert told(home)["why_empty"] == "source sample gives no dates of earnings reports"


def test_what_was_stored_beside_the_chains_before_is_kept_and_goes_on(home):
    row = {"date": date(2016, 10, 27), "ticker": "SPY", "timing": "after_close",
           "eps_estimate": 1.0, "eps_reported": 1.2, "source": "simulated",
           "fetched_at": NOW}  # fmt: skip
    Warehouse(home.warehouse_path).upsert(EARNINGS, pl.DataFrame([row], schema=EARNINGS.schema))
    update_earnings(platform_of(home, ChainSource()), SPAN)
    assert stored(home).select("date", "ticker").rows() == [(date(2016, 10, 27), "SPY"), *KNOWN]


def test_a_planned_report_that_moved_is_gone_and_no_future_figure_is_stored(home):
    source = Moving()
    update_earnings(platform_of(home, source), SPAN)
    source.planned = date(2017, 5, 3)
    found = update_earnings(platform_of(home, source), SPAN)
    assert found.rows.sort("date", "ticker").equals(stored(home))
    days = stored(home).filter(pl.col("ticker") == "SPY")
    assert days["date"].to_list() == [date(2017, 1, 28), date(2017, 5, 3)]
    assert days["eps_reported"].to_list() == [1.1, None]


def test_a_ticker_that_cannot_be_had_keeps_its_rows_and_does_not_stop_the_others(home):
    source = Moving()
    update_earnings(platform_of(home, source), SPAN)
    source.broken, source.planned = ("SPY",), date(2017, 5, 3)
    asked = {"assets": ["earnings"], "source": lambda: source, "now": lambda: NOW}
    (outcome,) = run_job(home, SPAN, **asked)
    ends = dict(stored(home).group_by("ticker").agg(pl.col("date").max()).iter_rows())
    assert ends == {"SPY": date(2017, 4, 29), "QQQ": date(2017, 5, 3)}
    assert told(home) is None
    assert "SPY: no answer about SPY" in told(home, "QQQ")["not_known"]
    assert outcome.failed == {"SPY": "no earnings dates: no answer about SPY"}
    source.broken = ()
    (outcome,) = run_job(home, SPAN, **asked)
    assert outcome.failed == {}
    assert told(home) is not None
