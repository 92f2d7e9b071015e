"""The first promise: a row does not depend on how the runs were cut, nor on what came later."""

import shutil
from datetime import date

import polars as pl
import pytest

from options_platform.contracts import LABELS
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.runs import DATA_ASSETS
from options_platform_tests.platform import (
    END,
    PARITY_TABLES,
    assert_same_tables,
    make_platform_settings,
    run,
    tables,
)

REST = ("direction_model", "volatility_model", "regime", "trade_plan", "paper_orders")


@pytest.fixture(scope="module")
def whole(simulated_home):
    """(a) Everything in one run."""
    return simulated_home


@pytest.mark.long
def test_one_run_has_predictions_and_plans(whole):
    found = tables(whole)
    assert found["direction_model"]["p_neutral"].drop_nulls().len() > 100
    assert found["volatility_model"]["iv_rank_pred"].drop_nulls().len() > 50
    assert set(found["trade_plan"]["decision"]) <= {"trade", "no_trade"}


@pytest.mark.long
def test_two_phases_of_one_run_per_ticker_give_the_same_rows(whole, tmp_path):
    """(b) As a backfill of the web UI arrives, tickers in another order in each phase.

    The models are trained in two processes, those of the whole run in one.
    """
    settings = make_platform_settings(tmp_path / "phases", workers=2)
    for ticker in ("SPY", "QQQ"):
        run(settings, tickers=[ticker], assets=DATA_ASSETS)
    for ticker in ("QQQ", "SPY"):
        run(settings, tickers=[ticker], assets=REST)
    assert_same_tables(tables(whole), tables(settings))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_days_one_by_one_over_a_months_end_and_a_truncated_history(whole, tmp_path):
    """(c) A backfill to a day, then a run each session; until then the future is unknown."""
    short = make_platform_settings(tmp_path / "short")
    day = date(2017, 2, 24)
    run(short, end=day)
    assert_same_tables(*until(day, whole, short))
    last = shift(day, 10)
    for session in sessions(shift(day, 1), last):
        run(short, start=session, end=session, backfill=False)
    assert_same_tables(*until(last, whole, short))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("rule_set", ["plan", "premium_ladder"])
def test_ten_days_one_by_one_of_the_sample_and_a_truncated_history(rule_set, tmp_path):
    """(a) to (d) over ten sessions with the real series of the sample."""
    start, end = date(2013, 1, 2), date(2017, 3, 31)
    asked = {"source": "sample", "start": start, "end": end, "rule_set": rule_set}
    settings = make_platform_settings(tmp_path / "whole", **asked)
    run(settings)
    assert (tables(settings)["trade_plan"]["decision"] == "trade").any()
    short = make_platform_settings(tmp_path / "short", **asked)
    day = shift(end, -10)
    run(short, end=day)
    assert_same_tables(*until(day, settings, short))
    for session in sessions(shift(day, 1), end):
        run(short, start=session, end=session, backfill=False)
    assert_same_tables(tables(settings), tables(short))


def until(day, *homes):
    """The tables of each home until `day`, without labels of which it knew only later."""
    cut = [tables(settings, until=day) for settings in homes]
    for found in cut:
        found["labels"] = found["labels"].filter(pl.col("known_on") <= day)
    return cut


@pytest.mark.long
def test_a_feature_that_looks_ahead_is_detected(whole, tmp_path, monkeypatch):
    """The comparison fails with a feature that reads tomorrow's close."""
    from options_platform.defs.features import assets as features

    honest = features.compute_features

    def peeking(bars, *rest):
        tomorrow = pl.col("close").shift(-1).over("ticker", order_by="date")
        shown = bars.select("date", "ticker", returns_1d=tomorrow / pl.col("close") - 1.0)
        rows = honest(bars, *rest)
        return rows.drop("returns_1d").join(shown, on=["date", "ticker"]).select(rows.columns)

    monkeypatch.setattr(features, "compute_features", peeking)
    copies = []
    for name, end in (("long", END), ("short", date(2017, 2, 28))):
        home = tmp_path / name
        shutil.copytree(whole.home, home)
        settings = make_platform_settings(home)
        run(settings, start=date(2017, 2, 1), end=end, assets=["features"])
        copies.append(tables(settings, until=date(2017, 2, 28))["features"])
    assert not copies[0].equals(copies[1])


@pytest.mark.long
def test_a_later_run_completes_the_labels_before_it(whole):
    labels = tables(whole)[LABELS.name]
    assert labels.filter(pl.col("known_on") <= END)["direction"].null_count() == 0


def test_parity_covers_raw_to_plan():
    names = [table.name for table in PARITY_TABLES]
    assert names[:8] == [
        "raw_ohlcv", "vix", "features", "labels", "direction_model", "volatility_model",
        "regime", "trade_plan",
    ]  # fmt: skip
