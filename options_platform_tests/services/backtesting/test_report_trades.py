"""Each earnings strategy's backtest is its record, and the gate reads it from the warehouse."""

from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_FORECAST, VIX
from options_platform.defs.decisions.assets import make_trade_plan
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.earnings.straddles import implied_move
from options_platform.domain.earnings.trade_rules import SELLING
from options_platform.services.backtesting.report_trades import (
    backtest_report_trades,
    store_report_trades,
    traded_reports,
)
from options_platform.services.backtesting.run import BacktestData
from options_platform.services.earnings.trade_evidence import (
    trade_record,
    trade_verdicts,
    with_proven,
)
from options_platform.services.planning.report_prices import with_report_prices
from options_platform.settings import make_settings
from options_platform.testing.market import NOW
from options_platform_tests.domain.backtest.report_market import (
    ANCHOR,
    PLANNED,
    REACTION,
    backtest_rules,
    plan_rules,
    row,
    stock_market,
)


@pytest.fixture
def settings(tmp_path):
    return make_settings(
        {"home": tmp_path, "source": "csv", "csv_dir": str(tmp_path), "tickers": ("NVDA",),
         "earnings_trades": {"enabled": True}, "fills": {"model": "mid"}}
    )  # fmt: skip


def test_a_record_has_what_each_strategy_alone_made_of_the_reports_on_its_side(settings):
    rules = plan_rules()
    results = backtest_report_trades(
        BacktestData(row(), stock_market()), rules, backtest_rules(rules)
    )
    assert set(results) == set(SELLING)
    shown = traded_reports(results).filter(strategy="earnings_iron_condor")
    assert shown.select("trades", "mean_usd", "won").row(0) == (1, pytest.approx(72.0), 1.0)
    warehouse = Warehouse(settings.warehouse_path)
    store_report_trades(warehouse, results, rules, "mid")
    store_report_trades(warehouse, results, rules, "mid")
    record = trade_record(settings, warehouse)
    assert record.height == len(SELLING)
    condor = record.filter(strategy="earnings_iron_condor").row(0, named=True)
    assert (condor["planned_on"], condor["closed_on"]) == (PLANNED, REACTION)
    # It had 5.00 - 1.20 a share at risk, and the fees of both ways.
    assert condor["share"] == pytest.approx(72.0 / 384.0)
    verdict = trade_verdicts(settings, warehouse)["earnings_iron_condor"]
    assert (verdict.trades, verdict.look, verdict.status) == (1, 0, "research")
    assert with_proven(settings, warehouse).plan.earnings_trades.proven == ()
    assert trade_record(replace(settings, source="simulated"), warehouse).is_empty()


def test_without_permission_nothing_without_a_bound_has_a_record():
    rules = replace(plan_rules(), allow_undefined_risk=False)
    results = backtest_report_trades(
        BacktestData(row(), stock_market()), rules, backtest_rules(rules)
    )
    assert "earnings_short_straddle" not in results
    assert "earnings_iron_condor" in results


def test_a_report_without_a_chain_is_priced_only_with_a_factor_on_the_models_move(tmp_path):
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    blank = {name: pl.lit(None, kind) for name, kind in EARNINGS_FORECAST.schema.items()}
    key = {"date": pl.lit(PLANNED), "ticker": pl.lit("NVDA")}
    forecast = pl.select(
        **blank | key | {
            "report_date": pl.lit(ANCHOR), "anchor": pl.lit(ANCHOR), "status": pl.lit("confirmed"),
            "days_to_earnings": pl.lit(1, pl.Int64), "events": pl.lit(8, pl.Int64),
            "expected_move": pl.lit(0.05), "fold": pl.lit("2024-01"), "model_id": pl.lit("m"),
        }
    ).cast(dict(EARNINGS_FORECAST.schema))  # fmt: skip
    warehouse.upsert(EARNINGS_FORECAST, forecast)
    blank = {name: pl.lit(None, kind) for name, kind in VIX.schema.items()}
    vix = pl.select(**blank | key | {"iv_symbol": pl.lit("MODEL"), "event_var": pl.lit(0.0025)})
    rows = pl.select(**key)

    def prices(**changes):
        made = with_report_prices(
            rows, warehouse, ["NVDA"], PLANNED, PLANNED, EarningsRules(**changes)
        )
        return made.select("priced_move", "priced_ratio").row(0)

    warehouse.upsert(VIX, _complete(vix))
    assert prices() == (None, None)
    move = implied_move(1.5**2 * 0.0025)
    assert prices(event_premium=1.5) == (pytest.approx(move), pytest.approx(move / 0.05))


def _complete(vix):
    needed = {"vix_age": 0, "source": "csv"}
    given = [pl.lit(v, VIX.schema[n]).alias(n) for n, v in needed.items() if n in VIX.schema]
    return vix.with_columns(*given, fetched_at=pl.lit(NOW).cast(VIX.schema["fetched_at"])).select(
        VIX.schema.names()
    )


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_the_plan_waits_for_the_forecasts_only_where_reports_are_traded(settings):
    def upstream(settings):
        return {key.to_user_string() for key in make_trade_plan(settings).dependency_keys}

    assert "earnings_forecast" in upstream(settings)
    off = replace(settings, earnings_trades=replace(settings.earnings_trades, enabled=False))
    assert "earnings_forecast" not in upstream(off)
