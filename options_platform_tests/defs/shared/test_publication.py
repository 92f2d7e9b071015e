"""A run publishes what it has changed when it ends, however it ends."""

import dagster as dg
import pytest

from options_platform.adapters.storage.changes import is_marked
from options_platform.adapters.storage.home import prepare_home
from options_platform.adapters.storage.published.versions import newest_version
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.defs.shared.publication import make_platform_resource
from options_platform.services.market_data.platform import Platform, make_platform
from options_platform.settings import make_settings
from options_platform.testing.market import random_market

BARS, INDEX = random_market()


@dg.op
def writes(platform: dg.ResourceParam[Platform]):
    platform.warehouse.write([(RAW_OHLCV, BARS)])


@dg.op(ins={"after": dg.In(dg.Nothing)})
def writes_more(platform: dg.ResourceParam[Platform]):
    platform.warehouse.write([(VIX, INDEX)])
    # Nothing of a run at work is published before it ends.
    assert newest_version(platform.settings.home) is None


@dg.op(ins={"after": dg.In(dg.Nothing)})
def fails():
    raise ValueError("the third step fails")


@pytest.mark.parametrize("last", [[], [fails]], ids=["succeeds", "fails"])
def test_a_run_publishes_once_and_when_it_ends(tmp_path, last):
    settings = make_settings({"home": tmp_path / "home", "source": "simulated"})
    prepare_home(settings)

    @dg.job(resource_defs={"platform": make_platform_resource(make_platform(settings))})
    def run():
        done = writes_more(writes())
        for step in last:
            step(done)

    with dg.DagsterInstance.ephemeral() as instance:
        outcome = run.execute_in_process(instance=instance, raise_on_error=False)
    assert outcome.success == (not last)
    version = newest_version(settings.home)
    assert version.number == 1
    rows = {folder: entry["rows"] for folder, entry in version.tables.items()}
    assert rows == {"warehouse/raw_ohlcv": BARS.height, "warehouse/vix": INDEX.height}
    assert not is_marked(settings.warehouse_path)
