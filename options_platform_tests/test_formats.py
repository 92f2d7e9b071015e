import math
import re
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.formats import (
    cell,
    closing_price,
    confident,
    count,
    exit_words,
    metric,
    net_price,
    number,
    pct,
    probability,
    usd,
)

amounts = st.floats(-1e12, 1e12)


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "no trades"), (1, "1 trade"), (2, "2 trades"), (1204, "1,204 trades")]
)
def test_a_count_agrees_with_its_noun(number, shown):
    assert count(number, "trade") == shown


def test_an_irregular_plural_is_given():
    assert [count(n, "entry", "entries") for n in (0, 1, 2)] == [
        "no entries", "1 entry", "2 entries",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (5_585_780_000.0, "5,585,780,000 USD"),
        (999.994, "999.99 USD"),
        (1000.0, "1,000 USD"),
        (-117.2, "-117.20 USD"),
        (-0.001, "0.00 USD"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_amounts_lose_their_cents_from_a_thousand_on(value, shown):
    assert usd(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(36.0, "+36.00 USD"), (-36.0, "-36.00 USD"), (0.001, "0.00 USD")]
)
def test_a_signed_amount_says_gain_or_loss(value, shown):
    assert usd(value, signed=True) == shown


@pytest.mark.parametrize(
    ("price", "shown"), [(1.2, "debit 1.20"), (-0.71, "credit 0.71"), (0.0, "even"), (None, "-")]
)
def test_a_net_price_says_which_way_the_money_goes(price, shown):
    assert net_price(price) == shown


@given(amounts)
def test_closing_moves_the_money_the_other_way(value):
    opening, closing = net_price(value), closing_price(value)
    swapped = {"debit": "credit", "credit": "debit", "even": "even"}
    assert closing.split()[0] == swapped[opening.split()[0]]
    assert closing.split()[1:] == opening.split()[1:]


@given(amounts)
def test_every_number_reads_back_and_nothing_has_a_negative_zero(value):
    text = number(value)
    assert float(text.replace(",", "")) == pytest.approx(value, abs=0.0051)
    assert not re.fullmatch(r"-0\.0+", text)


def test_a_confidence_is_told_as_the_probability_that_it_means():
    # (1/3 + 2/3 c): nothing is a guess among three, one is certainty.
    assert [probability(c) for c in (0.0, 0.25, 1.0)] == pytest.approx([1 / 3, 0.5, 1.0])
    assert confident(0.25) == "50% likely, where a guess is 33%"
    assert confident(0.25, 0.42) == "50% likely (42% of the sessions so far were)"
    assert confident(None) == confident(math.nan) == "of unknown confidence"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("volume", 5_585_780_000.0, "5,585,780,000"),
        ("trades", 1.0, "1"),
        ("limit_price", -0.71, "credit 0.71"),
        ("exit_price", -0.35, "debit 0.35"),
        ("mark_price", 2.13, "credit 2.13"),
        ("win_rate", 0.571, "57.1%"),
        ("fees_share", 0.02, "2.0%"),
        ("max_loss_usd", 12_345.67, "12,346"),
        ("sharpe", 0.9412, "0.94"),
        ("contracts", 4, "4"),
        ("met", True, "yes"),
        ("tickers", ["SPY", "QQQ"], "SPY, QQQ"),
        ("date", date(2024, 1, 2), "2024-01-02"),
        ("seen_at", datetime(2024, 1, 2, 9, 30), "2024-01-02 09:30"),  # noqa: DTZ001
        ("note", None, "-"),
        ("sharpe", math.nan, "-"),
    ],
)
def test_a_cell_is_written_as_its_column_asks(name, value, shown):
    assert cell(value, name) == shown


def test_a_metric_of_counts_is_whole_and_one_of_rates_per_cent():
    assert [metric("trades", 1.0), metric("win_rate", 0.5), metric("profit_factor", 1.3)] == [
        "1", "50.0%", "1.30",
    ]  # fmt: skip
    assert pct(None) == "-"


def test_a_profit_that_was_lost_by_the_fill_says_both_prices():
    # A credit of 0.71: closing at 0.30 would have been a profit, and 1.05 was a loss.
    trade = {
        "exit_reason": "TAKE_PROFIT", "exit_price": -1.05, "closed_on": date(2024, 3, 5),
        "decided_on": date(2024, 3, 4), "decided_price": -0.30,
    }  # fmt: skip
    assert exit_words(trade) == (
        "TAKE_PROFIT: decided at the close of 2024-03-04 at debit 0.30, filled on 2024-03-05 at "
        "debit 1.05"
    )
    assert exit_words(trade | {"decided_price": None}) == "TAKE_PROFIT"
    assert exit_words(trade | {"exit_reason": None}) == "-"
