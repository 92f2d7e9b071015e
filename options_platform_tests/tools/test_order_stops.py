"""The way of an order from the daily run to its fill is short, and the docs list it."""

import pytest

from tools.order_stops import MOST_STOPS, PAGE, listed_stops, order_stops


@pytest.fixture(scope="module")
def stops(tmp_path_factory):
    return order_stops(tmp_path_factory.mktemp("home"))


def test_an_order_is_followed_from_the_daily_run_to_its_fill_in_at_most_twelve_stops(stops):
    assert len(stops) <= MOST_STOPS


def test_the_way_goes_through_the_reducer_the_ledger_and_the_broker(stops):
    functions = {stop.function for stop in stops}
    assert {"decide", "OrderRecords.record", "AlpacaBroker.submit", "after_fill"} <= functions


def test_the_docs_list_the_stops_that_are_measured(stops):
    assert listed_stops(PAGE.read_text(encoding="utf-8")) == stops
