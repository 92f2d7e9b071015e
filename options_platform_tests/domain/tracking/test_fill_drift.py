"""How often and how dearly orders fill beside the backtest."""

from datetime import date, timedelta

import polars as pl
import pytest

from options_platform.domain.tracking.fill_drift import fill_drift, wilson


def journal_of(costs, contracts=2):
    opened = [date(2024, 1, 2) + timedelta(days=at) for at in range(len(costs))]
    return pl.DataFrame(
        {
            "position_id": [f"p{at:03d}" for at in range(len(costs))],
            "opened_on": opened,
            "contracts": [contracts] * len(costs),
            "against_model_usd": [cost * contracts for cost in costs],
        },
        schema_overrides={"against_model_usd": pl.Float64, "contracts": pl.Int64},
    )


def drift_of(**states):
    names = [name.replace("_", " ") for name, times in states.items() for _ in range(times)]
    return pl.DataFrame({"state": names}, schema={"state": pl.String})


def test_wilsons_interval_of_a_textbook():
    """Newcombe 1998, table I: 81 of 263 and 0 of 20."""
    found = wilson(81, 263)
    assert (found.value, found.low, found.high) == pytest.approx((0.3080, 0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=1e-4)
    assert wilson(0, 0) is None


def test_entries_that_only_the_backtest_has_were_not_filled():
    found = fill_drift(journal_of([]), drift_of(same=6, differs=2, only_backtest=2, only_paper=3))
    assert (found.entered, found.filled) == (10, 8)
    assert found.fill_rate.value == pytest.approx(0.8)
    assert found.cost_usd is None
    assert found.change_usd is None


def test_costs_are_by_contract_and_a_change_of_them_is_seen():
    steady = [1.0, 3.0] * 15
    found = fill_drift(journal_of(steady), drift_of())
    assert found.cost_usd.value == pytest.approx(2.0)
    assert found.cost_usd.low < 2.0 < found.cost_usd.high
    assert found.p_value > 0.5
    dearer = fill_drift(journal_of([*steady[:15], *[c + 3.0 for c in steady[15:]]]), drift_of())
    assert dearer.change_usd == pytest.approx(3.0, abs=0.5)
    assert dearer.p_value < 0.01
    assert fill_drift(journal_of([1.0] * 19), drift_of()).p_value is None
