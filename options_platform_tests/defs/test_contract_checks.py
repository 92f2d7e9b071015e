"""The asset checks in real runs on a real instance: broken rows stop everything downstream."""

from datetime import date

import dagster as dg
import pytest

from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.definitions import build_defs
from options_platform.defs.jobs import JOB_NAME
from options_platform.defs.shared.partitions import range_tags
from options_platform.domain.checks.tables import rules_for
from options_platform.runs import RunFailedError, run_job
from options_platform_tests.platform import make_platform_settings

START, END = date(2015, 1, 2), date(2015, 6, 30)
DAY = date(2015, 3, 17)
MARKET = ("raw_ohlcv", "vix")
DATA = ("raw_ohlcv", "vix", "features", "labels")
HISTORY = ("fresh", "adjusted_closes", "as_traded", "actions_known", "answered")


class Sabotaged(Warehouse):
    """A warehouse that runs a statement right after a table was written."""

    def __init__(self, settings, table, statement):
        super().__init__(settings.warehouse_path, wait_seconds=30)
        self.table, self.statement = table, statement

    def write(self, frames, *, scope=None):
        super().write(frames, scope=scope)
        if frames[0][0] is self.table:
            self.execute([self.statement])


def small(tmp_path):
    return make_platform_settings(tmp_path / "home", start=START, end=END)


def execute(settings, assets=None, **overrides):
    """The run's result, and the names of the assets that it materialised."""
    job = build_defs(settings, **overrides).resolve_job_def(JOB_NAME)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        result = job.execute_in_process(
            instance=instance,
            tags=range_tags(PartitionRange(settings.start, settings.end, settings.tickers)),
            asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
            raise_on_error=False,
        )
        materialised = {
            name
            for name in (table.name for table in ASSET_TABLES)
            if instance.get_latest_materialization_event(dg.AssetKey(name)) is not None
        }
    return result, materialised


def failed(result):
    return {
        f"{found.asset_key.to_user_string()}.{found.check_name}": found
        for found in result.get_asset_check_evaluations()
        if not found.passed
    }


BROKEN = [
    (VIX, f"DELETE FROM vix WHERE date = '{DAY}'", "vix.sessions_complete"),
    (VIX, f"INSERT INTO vix SELECT * FROM vix WHERE date = '{DAY}'", "vix.keys_unique"),
    (VIX, f"UPDATE vix SET vix_age = 99 WHERE date = '{DAY}'", "vix.ranges"),
    (
        RAW_OHLCV,
        f"UPDATE raw_ohlcv SET high = low / 2 WHERE date = '{DAY}'",
        "raw_ohlcv.ohlc_order",
    ),
    (RAW_OHLCV, "ALTER TABLE raw_ohlcv DROP COLUMN source", None),
]


@pytest.mark.parametrize(
    ("table", "statement", "check"),
    [BROKEN[0], *(pytest.param(*broken, marks=pytest.mark.long) for broken in BROKEN[1:4])],
)
def test_a_broken_table_fails_its_blocking_check_and_nothing_downstream_runs(
    tmp_path, table, statement, check
):
    settings = small(tmp_path)
    result, materialised = execute(settings, warehouse=Sabotaged(settings, table, statement))
    assert not result.success
    found = failed(result)
    assert check in found
    assert found[check].severity == dg.AssetCheckSeverity.ERROR
    assert found[check].blocking
    assert found[check].metadata["broken"].value >= 2
    assert str(DAY) in found[check].metadata["examples"].value
    assert materialised == set(MARKET[: MARKET.index(table.name) + 1])


def test_a_table_of_another_schema_stops_the_run_before_it_is_written_again(tmp_path):
    settings = small(tmp_path)
    table, statement, _ = BROKEN[4]
    result, materialised = execute(settings, warehouse=Sabotaged(settings, table, statement))
    assert not result.success
    assert materialised <= {"raw_ohlcv"}


@pytest.mark.long
def test_the_shell_names_the_failed_check_in_one_line(tmp_path):
    settings = small(tmp_path)
    table, statement, _ = BROKEN[0]
    broken = Sabotaged(settings, table, statement)
    with pytest.raises(RunFailedError) as error:
        run_job(settings, PartitionRange(START, END, settings.tickers), warehouse=broken)
    first = "vix.sessions_complete: not true of 2 rows: Each session of the range"
    assert str(error.value).startswith(first)
    assert f"e.g. {DAY} QQQ; {DAY} SPY; nothing downstream was computed" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bad_row_warns_and_does_not_block(tmp_path):
    """A bar that is set aside is reported, and the other rows are used."""
    settings = small(tmp_path)
    gone = ", ".join(f"{name} = NULL" for name in ("open", "high", "low", "close"))
    statement = f"UPDATE raw_ohlcv SET bad_reason = 'nan_price', {gone} WHERE date = '{DAY}'"
    outcome, materialised = execute(
        settings, DATA, warehouse=Sabotaged(settings, RAW_OHLCV, statement)
    )
    assert outcome.success
    assert materialised == set(DATA)
    found = failed(outcome)
    assert set(found) == {"raw_ohlcv.bad_bars"}
    assert found["raw_ohlcv.bad_bars"].severity == dg.AssetCheckSeverity.WARN
    assert found["raw_ohlcv.bad_bars"].metadata["broken"].value == 2


def test_an_honest_run_passes_every_check_of_its_assets(tmp_path):
    settings = small(tmp_path)
    result, _ = execute(settings, DATA)
    assert result.success
    assert failed(result) == {}
    made = {
        (found.asset_key.to_user_string(), found.check_name)
        for found in result.get_asset_check_evaluations()
    }
    wanted = {t.name: rules_for(t) for t in ASSET_TABLES if t.name in DATA}
    history = {("raw_ohlcv", name) for name in HISTORY}
    assert made == history | {(name, rule.name) for name, rules in wanted.items() for rule in rules}
