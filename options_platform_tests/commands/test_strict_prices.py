"""A stock that is priced on the market's volatility is warned about, and refused by --strict."""

from argparse import Namespace
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.home import prepare_home
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.commands.backtests.output import about, say_about
from options_platform.commands.runs import _report_prices, _require_own_prices
from options_platform.contracts import RAW_OHLCV, TRADE_PLAN, TRADE_PLAN_LEGS, VIX
from options_platform.domain.backtest import make_market
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.errors import UsageError
from options_platform.reporting.report import render
from options_platform.services.backtesting.run import BacktestData
from options_platform.services.market_data.market_priced import (
    require_own_prices,
    stored_market_stocks,
)
from options_platform.settings import load_settings
from options_platform.testing.market import NOW, random_market
from options_platform.testing.plan_rows import one
from options_platform_tests.printed import flat

NOTE = "NVDA is priced on the VIX, which is not its own volatility: 27.7 vol points off"
NOT_USABLE = "its results are not usable"
CHANGE = "OPTIONS_IV_SYMBOL__NVDA=MODEL options-platform backfill"
SYMBOLS = {"VIX": "VIX", "MODEL": "MODEL:NVDA"}


@pytest.fixture(params=SYMBOLS)
def home(request, tmp_path, monkeypatch):
    """Two months of SPY and NVDA with a plan of NVDA, and whether NVDA is priced on the VIX."""
    values = {"HOME": tmp_path / "home", "SOURCE": "simulated", "TICKERS": "SPY,NVDA"}
    for name, value in (values | {"START": "2024-01-02", "END": "2024-03-01"}).items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    symbol = SYMBOLS[request.param]
    bars, vix = random_market(("SPY", "NVDA"), date(2024, 1, 2), date(2024, 3, 1))
    is_stock = pl.col("ticker") == "NVDA"
    vix = vix.with_columns(iv_symbol=pl.when(is_stock).then(pl.lit(symbol)).otherwise("iv_symbol"))
    rows = one().with_columns(ticker=pl.lit("NVDA"), iv_symbol=pl.lit(symbol))
    plans, legs = build_plans(rows, PlanRules())
    settings = load_settings()
    prepare_home(settings)
    bars = bars.with_columns(source=pl.lit("simulated"))
    Warehouse(settings.warehouse_path, wait_seconds=5).write(
        [(RAW_OHLCV, bars), (VIX, vix), (TRADE_PLAN, plans), (TRADE_PLAN_LEGS, legs)]
    )
    return settings, (bars, vix), symbol == "VIX"


def test_doctor_warns_and_with_strict_it_fails(home, capsys):
    _, _, on_vix = home
    main(["doctor"])
    shown = flat(capsys.readouterr().out)
    assert (f"note index of NVDA: {NOTE}" in shown.replace("note  ", "note ")) == on_vix
    assert (NOT_USABLE in shown) == (CHANGE in shown) == on_vix
    main(["doctor", "--strict"])
    assert ("BROKEN index of NVDA" in flat(capsys.readouterr().out)) == on_vix


def test_backfill_and_daily_refuse_with_strict_before_they_run(home, capsys):
    settings, _, on_vix = home
    if not on_vix:
        _require_own_prices(Namespace(strict=True), settings)
        return
    for command in ("backfill", "daily"):
        assert main([command, "--strict"]) != 0
        shown = capsys.readouterr()
        assert f"--strict: {NOTE}" in flat(shown.err)
        assert CHANGE in flat(shown.err)
        assert "Backfill of" not in shown.out


def test_backfill_says_it_after_the_run(home, capsys):
    settings, _, on_vix = home
    _report_prices(settings)
    shown = flat(capsys.readouterr().out)
    assert (NOTE in shown) == (CHANGE in shown) == on_vix


def test_status_and_the_report_say_it(home, capsys):
    settings, _, on_vix = home
    assert main(["status"]) == 0
    assert (NOT_USABLE in flat(capsys.readouterr().out)) == on_vix
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=5)
    if not on_vix:
        assert stored_market_stocks(settings, warehouse) == {}
        return
    page = render(settings, warehouse, now=NOW)
    assert "<strong>Not usable.</strong> NVDA is priced on the VIX" in page


def test_the_head_of_a_backtest_says_it_and_strict_refuses(home, capsys):
    settings, (bars, vix), on_vix = home
    symbols = {"SPY": "VIX", "NVDA": "VIX" if on_vix else "MODEL:NVDA"}
    data = BacktestData(pl.DataFrame(), make_market(bars, vix), symbols)
    say_about(data)
    shown = flat(capsys.readouterr().out)
    assert (NOT_USABLE in shown) == (CHANGE in shown) == on_vix
    assert ("NVDA is priced on a modelled volatility" in shown) == (not on_vix)
    assert about(data)["iv_basis"]["NVDA"] == ("market" if on_vix else "modelled")
    if on_vix:
        with pytest.raises(UsageError, match=r"--strict: NVDA is priced on the VIX"):
            require_own_prices(symbols, settings)


def test_a_fund_that_is_named_as_one_is_not_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path))
    monkeypatch.setenv("OPTIONS_TICKERS", "ABCD")
    with pytest.raises(UsageError):
        require_own_prices({"ABCD": "VIX"}, load_settings())
    monkeypatch.setenv("OPTIONS_PLAN__CHAIN__SURFACE__FUNDS", "SPY,ABCD")
    require_own_prices({"ABCD": "VIX", "XLF": "VIX"}, load_settings())
