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
    START,
    assert_same_tables,
    make_platform_settings,
    run,
    tables,
)

REST = ("direction_model", "volatility_model", "regime", "trade_plan", "paper_orders")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(a) Everything in one run."""
    settings = make_platform_settings(tmp_path_factory.mktemp("whole"))
    run(settings)
    return settings


@pytest.mark.long
def test_one_run_has_predictions_and_plans(whole):
    found = tables(whole)
    assert found["direction_model"]["p_neutral"].drop_nulls().len() > 100
    assert found["volatility_model"]["iv_rank_pred"].drop_nulls().len() > 50
    assert set(found["trade_plan"]["decision"]) <= {"trade", "no_trade"}


@pytest.mark.long
def test_two_phases_of_one_run_per_ticker_give_the_same_rows(whole, tmp_path):
    """(b) As a backfill of the web UI arrives, tickers in another order in each phase."""
    settings = make_platform_settings(tmp_path / "phases")
    for ticker in ("SPY", "QQQ"):
        run(settings, tickers=[ticker], assets=DATA_ASSETS)
    for ticker in ("QQQ", "SPY"):
        run(settings, tickers=[ticker], assets=REST)
    assert_same_tables(tables(whole), tables(settings))


@pytest.mark.long
def test_day_by_day_gives_the_same_rows(whole, tmp_path):
    """(c) A backfill to a day, then a run each session, over the end of a month."""
    settings = make_platform_settings(tmp_path / "days")
    last = sessions(date(2017, 2, 27), date(2017, 3, 1))
    run(settings, end=shift(last[0], -1))
    for day in last:
        run(settings, start=day, end=day, backfill=False)
    left, right = tables(whole, until=last[-1]), tables(settings, until=last[-1])
    # What a label says of days after the last one is not known here.
    known = pl.col("known_on") <= last[-1]
    left["labels"], right["labels"] = left["labels"].filter(known), right["labels"].filter(known)
    assert_same_tables(left, right)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("source", "rule_set"),
    [("sample", "plan"), ("sample", "premium_ladder"), ("simulated", "plan")],
)
def test_ten_days_one_by_one_and_a_truncated_history(source, rule_set, tmp_path):
    """(a) to (d) over ten sessions; on the sample with its real series."""
    span = {"sample": (date(2013, 1, 2), date(2017, 3, 31)), "simulated": (START, END)}[source]
    asked = {"source": source, "start": span[0], "end": span[1], "rule_set": rule_set}
    settings = make_platform_settings(tmp_path / "whole", **asked)
    run(settings)
    assert (tables(settings)["trade_plan"]["decision"] == "trade").any()
    short = make_platform_settings(tmp_path / "short", **asked)
    day = shift(span[1], -10)
    run(short, end=day)
    known = pl.col("known_on") <= day
    left, right = tables(settings, until=day), tables(short)
    left["labels"], right["labels"] = left["labels"].filter(known), right["labels"].filter(known)
    assert_same_tables(left, right)
    for session in sessions(shift(day, 1), span[1]):
        run(short, start=session, end=session, backfill=False)
    assert_same_tables(tables(settings), tables(short))


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
