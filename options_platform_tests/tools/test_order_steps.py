"""The way of an order from the daily run to its fill is short, and the docs list it."""

import pytest

from tools.order_steps import MOST_STEPS, PAGE, listed_steps, order_steps


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    return order_steps(tmp_path_factory.mktemp("home"))


def test_an_order_is_followed_from_the_daily_run_to_its_fill_in_at_most_twelve_steps(steps):
    assert len(steps) <= MOST_STEPS


def test_the_way_goes_through_the_reducer_the_ledger_and_the_broker(steps):
    functions = {step.function for step in steps}
    assert {"decide", "OrderRecords.record", "AlpacaBroker.submit", "after_fill"} <= functions


def test_the_docs_list_the_steps_that_are_measured(steps):
    assert listed_steps(PAGE.read_text(encoding="utf-8")) == steps
