"""Whole splits that a broker shows."""

from datetime import date

from options_platform.domain.trading.reconciliation.split_evidence import (
    ADJUSTED,
    changes_by,
    listed_splits,
    stated_splits,
)
from options_platform.domain.trading.reports import Activity

EX_DATE = date(2014, 6, 9)
SPREAD = {"AAPL140719P00620000": -1, "AAPL140719P00600000": 1}
ADJUSTED_SPREAD = {"AAPL140719P00088570": -7, "AAPL140719P00085710": 7}
"""Strikes as the clearing house rounded them: 620 / 7 and 600 / 7."""


def stated(changes):
    return [Activity(f"a{n}", ADJUSTED, s, q, None, EX_DATE) for n, (s, q) in enumerate(changes)]


def both_sides(held, came):
    return stated([*((s, -q) for s, q in held.items()), *came.items()])


def test_a_split_of_seven_for_one_is_read_from_the_activities_and_from_the_list():
    (split,) = stated_splits(both_sides(SPREAD, ADJUSTED_SPREAD), SPREAD)
    assert (str(split), split.changes) == ("AAPL 7:1 on 2014-06-09", changes_by(SPREAD, 7))
    assert listed_splits(SPREAD, ADJUSTED_SPREAD, EX_DATE) == [split]


def test_where_one_side_or_one_contract_is_not_shown_nothing_is_concluded():
    assert stated_splits(stated([(s, -q) for s, q in SPREAD.items()]), SPREAD) == []
    assert listed_splits(SPREAD, {}, EX_DATE) == []
    short_alone = {"AAPL140719P00088570": -7}
    assert listed_splits(SPREAD, short_alone, EX_DATE) == []
    assert listed_splits(SPREAD, {**ADJUSTED_SPREAD, "AAPL140719P00088570": -6}, EX_DATE) == []


def test_contracts_of_another_root_or_of_an_unchanged_strike_are_no_whole_split():
    renamed = {symbol.replace("AAPL", "AAPL1"): count for symbol, count in SPREAD.items()}
    assert listed_splits(SPREAD, renamed, EX_DATE) == []
    assert stated_splits(both_sides(SPREAD, renamed), SPREAD) == []


def test_a_strike_that_one_contract_leaves_and_another_takes_is_counted_for_both():
    held = {"SPY170519C00250000": -2, "SPY170519C00125000": 3, "SPY": 100}
    after = {"SPY170519C00125000": -4, "SPY170519C00062500": 6, "SPY": 200}
    (split,) = listed_splits(held, after, EX_DATE)
    assert split.ratio == 2
    assert {s: held.get(s, 0) + change for s, change in split.changes.items()} == {
        **after, "SPY170519C00250000": 0,
    }  # fmt: skip
