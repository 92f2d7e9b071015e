"""The checks of market data as Dagster runs them; they warn and never block."""

from datetime import UTC, date, datetime

import dagster as dg
import polars as pl
import pytest

from options_platform.adapters.sources.files.folder import CsvSource
from options_platform.common import PartitionRange
from options_platform.definitions import build_defs
from options_platform.defs.shared.asset_options import LATE_AFTER, STALE_AFTER
from options_platform.runs import run_job
from options_platform_tests.platform import make_platform_settings
from options_platform_tests.scripted import LAST, ScriptedSource, calm_bars, calm_index, changed

FIRST = date(2023, 9, 1)
NOW = datetime(2024, 6, 1, tzinfo=UTC)


def checked(home, source, second=None, *, start=FIRST, end=LAST, **changes):
    """Each check of `raw_ohlcv`: whether it passed, and its description."""
    settings = make_platform_settings(
        home, tickers=("SPY",), start=start, end=end, second_source="sample" if second else "",
        **changes,
    )  # fmt: skip
    overrides = {"source": lambda: source, "second_source": lambda: second, "now": lambda: NOW}
    run_job(
        settings,
        PartitionRange(start, end, ("SPY",)),
        assets=["raw_ohlcv"],
        backfill=True,
        **overrides,
    )
    definitions = build_defs(settings, **overrides)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        keys = [key for key in definitions.resolve_asset_graph().asset_check_keys
                if key.asset_key == dg.AssetKey("raw_ohlcv")]  # fmt: skip
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
        return {
            key.name: (
                record.event.asset_check_evaluation.passed,
                record.event.asset_check_evaluation.description,
            )
            for key, record in latest.items()
        }


@pytest.fixture
def source():
    source = ScriptedSource("SPY")
    source.history["SPY"] = calm_bars(start=FIRST)
    source.indices["VIX"] = calm_index(start=FIRST)
    return source


def test_sound_bars_pass_every_check(source, tmp_path):
    found = checked(tmp_path / "home", source, source)
    assert len(found) == 14
    assert all(passed for passed, _ in found.values())


def test_each_finding_is_named(source, tmp_path):
    second = ScriptedSource("SPY", name="second")
    second.history["SPY"] = changed(source.history["SPY"], date(2024, 1, 17), close=50.0)
    source.history["SPY"] = changed(source.history["SPY"], date(2024, 2, 15), dividend=0.8)
    hole = pl.col("date").is_between(date(2023, 11, 6), date(2023, 11, 10))
    source.history["SPY"] = source.history["SPY"].filter(~hole)
    found = checked(tmp_path / "home", source, second)
    failed = {name: text for name, (passed, text) in found.items() if not passed}
    assert set(failed) == {"cross_source", "adjusted_closes", "sessions_have_bars", "bad_bars"}
    assert "1 of 139 closes differ from second, e.g. 2024-01-17" in failed["cross_source"]
    assert "SPY 2024-02-15: adj_close misses the dividend of 0.8 USD" in failed["adjusted_closes"]


def test_a_failing_second_source_is_reported_and_stops_nothing(source, tmp_path):
    (tmp_path / "empty").mkdir()
    found = checked(tmp_path / "home", source, CsvSource(str(tmp_path / "empty")))
    assert not found["cross_source"][0]
    assert "SPY cannot be compared: no SPY.csv" in found["cross_source"][1]


@pytest.mark.long
def test_spy_of_two_vendors_passes_the_check(reference_data, tmp_path):
    """Yahoo's closes against Alpha Vantage's agree, against LEAN's they differ on 639 days."""
    results = {}
    for name, end in (("SPY_alphavantage", date(2022, 4, 6)), ("SPY_lean", date(2021, 3, 31))):
        folder = tmp_path / name
        folder.mkdir()
        frame = pl.read_csv(reference_data / "prices_alt" / f"{name}.csv", infer_schema=False)
        frame.with_columns(adj_close="close").write_csv(folder / "SPY.csv")
        start = date.fromisoformat(frame["date"].min())
        results[name] = checked(
            tmp_path / f"home-{name}", CsvSource(str(reference_data / "prices")),
            CsvSource(str(folder)), start=start, end=end,
        )["cross_source"]  # fmt: skip
    assert results["SPY_alphavantage"] == (True, None)
    assert not results["SPY_lean"][0]
    assert "SPY: 639 of 5849 closes differ from csv" in results["SPY_lean"][1]


def test_market_data_goes_stale_after_the_longest_weekend(tmp_path):
    def policies(name, **changes):
        specs = build_defs(
            make_platform_settings(tmp_path / name, **changes)
        ).resolve_all_asset_specs()
        return {spec.key.to_user_string(): spec.freshness_policy for spec in specs}

    expected = dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER, warn_window=LATE_AFTER)
    running = policies("running", end=None, source="yahoo")
    assert running["raw_ohlcv"] == running["vix"] == expected
    assert not any(policies("ended", source="sample", end=date(2018, 12, 31)).values())
