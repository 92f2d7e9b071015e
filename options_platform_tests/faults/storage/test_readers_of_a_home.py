"""Notebooks and dashboards disturb no daily run, whether they read the copy or the databases."""

import json
import shutil
import subprocess
import sys
from datetime import datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from options_platform.adapters.storage.published.versions import newest_version
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import PAPER_ORDERS, TRADE_PLAN
from options_platform.defs.trading.orders import open_ledger
from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform_tests.platform import make_platform_settings, run

# Holds each database that it is given, as a notebook does, and polls it, as a dashboard does.
READ = """
import select, subprocess, sys, duckdb
LOOK = "import sys, duckdb; duckdb.connect(sys.argv[1], read_only=True).execute('SHOW TABLES')"
notebooks = [duckdb.connect(path, read_only=True) for path in sys.argv[1:]]
tables = [c.execute("SELECT table_name FROM duckdb_tables()").fetchall() for c in notebooks]
count = lambda: [
    [c.execute(f'SELECT count(*) FROM "{name}"').fetchone() for (name,) in names]
    for c, names in zip(notebooks, tables)
]
first = count()
print("reads", flush=True)
while not select.select([sys.stdin], [], [], 1.0)[0]:
    for path in sys.argv[1:]:
        subprocess.run([sys.executable, "-c", LOOK, path], capture_output=True)
print(count() == first, flush=True)
"""

# Reads the home by the Python API, twice a second.
POLL = """
import json, select, sys
from options_platform.api import open_home
home = open_home(sys.argv[1])
seen = []
print("polls", flush=True)
while not select.select([sys.stdin], [], [], 0.5)[0]:
    rows = home.frame("paper_orders", start=sys.argv[2], end=sys.argv[2])
    seen.append([str(home.as_of), home.behind, *rows["status"]])
print(json.dumps(seen), flush=True)
"""


def daily(settings, day):
    noon = datetime.combine(shift(day, 1), datetime.min.time(), tzinfo=NEW_YORK).replace(hour=12)
    return run(settings, start=day, end=day, backfill=False, now=noon, alone=False)


def plans_of(settings, day):
    plans = Warehouse(settings.warehouse_path).read(TRADE_PLAN, start=day, end=day)
    return plans.select(name for name in plans.columns if not name.endswith("_at"))


@pytest.mark.long
def test_a_daily_run_trades_while_a_notebook_and_a_dashboard_read(simulated_home, tmp_path):
    shutil.copytree(simulated_home.home, tmp_path / "home")
    settings = make_platform_settings(tmp_path / "home")
    stored = Warehouse(settings.warehouse_path).read(TRADE_PLAN)
    *_, first, last = sorted(set(stored.filter(pl.col("decision") == "trade")["date"]))
    planned = plans_of(settings, last)
    daily(settings, first)
    before = {order.client_order_id for order in open_ledger(settings).orders()}
    paths = [str(path) for path in (settings.warehouse_path, open_ledger(settings).path)]
    former = newest_version(settings.home)
    with (
        subprocess.Popen(
            [sys.executable, "-c", READ, *paths],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as reading,
        subprocess.Popen(
            [sys.executable, "-c", POLL, str(settings.home), str(last)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as polling,
    ):  # fmt: skip
        assert reading.stdout.readline() == "reads\n"
        assert polling.stdout.readline() == "polls\n"
        daily(settings, last)
        assert reading.poll() is None
        newest = newest_version(settings.home)
        # The dashboard has seen the state before the run or the one after it, and which it was.
        seen = json.loads(polling.communicate("end\n")[0])
        assert {at for at, *_ in seen} <= {str(v.published_at) for v in (former, newest)}
        assert any("a run has changed the tables" in (why or "") for _, why, *_ in seen)
        # Who reads has seen the databases as they were all the while.
        assert reading.communicate("end\n")[0] == "True\n"
    assert_frame_equal(plans_of(settings, last), planned)
    orders = {order.client_order_id: order for order in open_ledger(settings).orders()}
    assert before < set(orders)
    told = Warehouse(settings.warehouse_path).read(PAPER_ORDERS, start=last, end=last)
    sent = told.filter(pl.col("status") != "no_trade")
    assert set(sent["client_order_id"]) <= set(orders)
    assert sent.height > 0
