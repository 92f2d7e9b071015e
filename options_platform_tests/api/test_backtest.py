"""A backtest from Python is that of the command, with settings and calls of one's own."""

import shutil
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.api import open_home
from options_platform.api.backtest import with_calls
from options_platform.domain.backtest_study.variants import fill_band, run_variants
from options_platform.errors import SettingsError, UsageError
from options_platform.services.backtesting.run import load_backtest

CALLS = ["date", "ticker", "p_bearish", "p_neutral", "p_bullish"]


@pytest.fixture(scope="module")
def tested(home):
    return home.backtest(record=False)


def test_it_trades_what_the_command_trades(home, tested):
    settings = home.settings
    data = load_backtest(Warehouse(settings.warehouse_path), settings.tickers)
    rules = settings.backtest_rules
    runs = run_variants(fill_band(settings.plan, rules), data.inputs, data.market)
    for variant, result in runs:
        own = tested.band[variant.rules.fills.model]
        assert own.trades.equals(result.trades)
        assert own.equity.equals(result.equity)
    assert tested.trades.height > 5
    assert tested.score["trades"] == tested.trades.drop_nulls("closed_on").height
    assert tested.score["equity_usd"] == tested.equity["equity_usd"][-1]


def test_the_stored_calls_given_as_ones_own_are_traded_alike(home, tested):
    calls = home.frame("direction_model", columns=CALLS)
    own = home.backtest(calls=calls.sample(fraction=1.0, shuffle=True, seed=2), record=False)
    assert own.trades.equals(tested.trades)
    assert own.equity.equals(tested.equity)


def test_sessions_without_a_call_are_not_traded(home, tested):
    calls = home.frame("direction_model", columns=CALLS, tickers="SPY", end="2016-09-30")
    inputs = with_calls(tested.data.inputs, calls)
    called = inputs.filter(pl.col("direction").is_not_null())
    assert called.select("date", "ticker").equals(
        calls.drop_nulls().select("date", "ticker").sort("date", "ticker")
    )
    assert inputs.select("date", "close").equals(tested.data.inputs.select("date", "close"))


def test_settings_change_the_run_and_name_it(home, tested):
    changed = home.backtest(
        {"exits.credit_stop": 1.0, "plan.selection.strategy": "bull_put_spread"},
        tickers="SPY", start="2016-06-01", end="2017-02-28", record=False,
    )  # fmt: skip
    assert changed.name == "exits.credit_stop=1.0, plan.selection.strategy=bull_put_spread"
    assert set(changed.trades["strategy"]) == {"bull_put_spread"}
    assert set(changed.trades["ticker"]) == {"SPY"}
    assert not changed.trades.equals(tested.trades)


def test_lines_and_plots_are_of_the_run(tested, tmp_path):
    first, last = tested.equity["session"][0], tested.equity["session"][-1]
    assert set(tested.curves["name"]) == {"model", "hold_SPY", "hold_QQQ"}
    model = tested.curves.filter(name="model")
    assert model["equity_usd"].to_list() == tested.equity["equity_usd"].to_list()
    assert (model["session"][0], model["session"][-1]) == (first, last)
    for name in ("equity", "drawdown", "fills", "months"):
        figure = tested.figure(name)
        assert figure._repr_png_().startswith(b"\x89PNG")
    assert figure.save(tmp_path / "months.png").read_bytes() == figure.png
    with pytest.raises(UsageError, match="did you mean equity"):
        tested.figure("equty")


@pytest.mark.long
def test_a_run_counts_as_a_trial_of_the_home(simulated_home, asked, tmp_path):
    shutil.copytree(simulated_home.home, tmp_path / "home")
    own = open_home(tmp_path / "home", settings=asked)
    before = own.frame("trials").height
    for _ in range(2):
        own.backtest({"exits.exit_dte": 14}, tickers="SPY", start="2016-12-01")
    trials = own.frame("trials").filter(target="backtest")
    assert own.frame("trials").height == before + 1
    assert trials["model"].to_list()[-1] == "exits.exit_dte=14"


def test_a_universe_is_traded_and_held_by_its_days_of_membership(simulated_home, asked):
    day = date(2016, 12, 1)
    pair = {"universes.pair": ("SPY", f"QQQ from {day}")}
    home = open_home(simulated_home.home, settings=asked | pair)
    run = home.backtest(tickers="pair", start="2016-09-01", record=False)
    assert run.data.members_since == {"QQQ": day}
    assert run.data.inputs.filter(ticker="QQQ")["date"].min() == day
    held = run.curves.filter(name="hold_QQQ")
    assert held.filter(pl.col("session") <= day)["equity_usd"].unique().to_list() == [1_000_000.0]
    assert held["equity_usd"].to_list()[-1] != 1_000_000.0
    with pytest.raises(SettingsError, match="did you mean pair"):
        home.backtest(tickers="pairs", record=False)


@pytest.mark.parametrize(
    ("asked_for", "message"),
    [
        ({"settings": {"exits.credit_stp": 1.0}}, "credit_stop"),
        ({"settings": {"exits.credit_stop": "much"}}, "exits.credit_stop"),
        ({"tickers": "SPX"}, "no ticker SPX in the settings; did you mean SPY?"),
        ({"start": "2017-03-31"}, "at least two sessions"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_one_line(home, asked_for, message):
    with pytest.raises(UsageError, match=r"^[^\n]*$") as error:
        home.backtest(record=False, **asked_for)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda calls: calls.drop("p_neutral"), "lack the column p_neutral"),
        (lambda calls: calls.with_columns(p_neutral=pl.lit(0.9)), "are no probabilities"),
        (lambda calls: pl.concat([calls, calls]), "two rows for one date and ticker"),
    ],
)
def test_calls_that_are_none_are_refused(home, tested, change, message):
    calls = home.frame("direction_model", columns=CALLS).drop_nulls()
    with pytest.raises(UsageError, match=message):
        with_calls(tested.data.inputs, change(calls))
