from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest

from options_platform.defs.shared.context import report_rows
from options_platform.domain.features.table import CROSS_FEATURES_TABLE as TABLE
from options_platform.services.market_data.platform import make_platform
from options_platform_tests.adapters.test_event_log import OURS, instance_at
from options_platform_tests.platform import make_platform_settings

ASSET = dg.AssetKey(TABLE.name)
DAYS = [date(2024, 1, 2) + timedelta(days=n) for n in range(4)]
ROWS = pl.DataFrame({"date": DAYS * 2, "ticker": ["AAA"] * 4 + ["BBB"] * 4})
KEPT = {f"{DAYS[0]}|AAA": "an earlier run", f"{DAYS[1]}|BBB": "another run"}


def reported(folder, versions):
    @dg.asset(name="other")
    def asset(context, platform: dg.ResourceParam[object]):
        report_rows(context, TABLE, ROWS, versions=versions)

    settings = make_platform_settings(folder / "home")
    resources = {"platform": make_platform(settings)}
    with instance_at(folder, OURS) as instance:
        run = dg.materialize([asset], instance=instance, resources=resources)
        assert run.success
        log = instance.event_log_storage
        made = instance.fetch_materializations(ASSET, limit=100).records
        kind, version = dg.DagsterEventType.ASSET_MATERIALIZATION, "dagster/data_version"
        shown = {
            r.partition_key: (r.asset_materialization.metadata, dict(r.asset_materialization.tags))
            for r in made
        }
        tags = log.get_latest_tags_by_partition(ASSET, kind, [version])
        order = log.get_latest_storage_id_by_partition(ASSET, kind)
        logged = sum(e.is_dagster_event and e.dagster_event.asset_key == ASSET
                     for e in instance.all_logs(run.run_id))  # fmt: skip
        versions = {key: of_key[version] == run.run_id for key, of_key in tags.items()}
        tags = {
            key: {k: "this run" if v == run.run_id else v for k, v in of_key.items()}
            for key, (_, of_key) in shown.items()
        }
        metadata = {key: said for key, (said, _) in shown.items()}
        return metadata, tags, versions, sorted(order, key=order.get), logged


@pytest.mark.parametrize("versions", [None, KEPT], ids=["changed", "unchanged"])
def test_many_reported_rows_are_stored_as_each_would_be(tmp_path, versions, monkeypatch):
    one_by_one = reported(tmp_path / "few", versions)
    monkeypatch.setattr("options_platform.defs.shared.range_events.LONG_RANGE", 2)
    assert reported(tmp_path / "many", versions) == one_by_one
    assert len(one_by_one[0]) == one_by_one[-1] == 8
