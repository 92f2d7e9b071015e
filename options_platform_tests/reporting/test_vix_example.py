"""The warning example in the report: own prices beside misleading ones, and labelled so."""

from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import BACKTEST_PRICE_RISK, VIX
from options_platform.reporting.report import environment
from options_platform.reporting.vix_example import vix_example_section
from options_platform.testing.market import random_market


def rows(*scenarios):
    values = [
        {"run": "configured", "name": name, "scenario": scenario, "sharpe": sharpe, "trades": 9}
        for name in ("model", "always_bull_put")
        for scenario, sharpe in scenarios
    ]
    return pl.DataFrame(values, schema=BACKTEST_PRICE_RISK.schema)


def test_the_results_stand_beside_the_misleading_ones_which_are_called_so(tmp_path):
    warehouse = Warehouse(tmp_path / "w.duckdb", wait_seconds=2)
    _, vix = random_market(("SPY", "NVDA"), date(2016, 1, 4), date(2016, 3, 31))
    warehouse.write([(VIX, vix.with_columns(
        iv_symbol=pl.col("ticker").replace({"SPY": "VIX", "NVDA": "MODEL:NVDA"})))])  # fmt: skip
    usual = [("as_measured", 0.03), ("iv_minus_1pt", 0.1)]
    assert vix_example_section(rows(*usual), warehouse) is None
    wrong = [("stocks_on_vix_naive", 0.78), ("stocks_on_vix", 0.21)]
    section = vix_example_section(rows(*usual, *wrong), warehouse)
    shown = [(row["scenario"], row["sharpe"], row["is_wrong"]) for row in section["rows"]]
    assert shown == [
        ("as_measured", 0.03, False), ("stocks_on_vix", 0.21, True),
        ("stocks_on_vix_naive", 0.78, True),
    ]  # fmt: skip
    page = environment().get_template("vix_example.html.j2").render(vix_example=section)
    assert page.count(">misleading<") == 2
    assert "warning example" in page
