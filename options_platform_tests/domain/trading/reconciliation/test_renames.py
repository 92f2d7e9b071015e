"""Contracts that a split renamed are followed by the new symbol that the broker lists."""

from options_platform.domain.trading.reconciliation.renames import renamed_contracts

OLD, NEW = "SPY240216C00470000", "SPY1240216C00470000"


def test_a_contract_is_followed_to_the_adjusted_root_that_the_broker_lists():
    assert renamed_contracts({OLD: 3}, {NEW: 3}) == {OLD: NEW}
    assert renamed_contracts({NEW: -1}, {NEW.replace("SPY1", "SPY2"): -1}) == {
        NEW: NEW.replace("SPY1", "SPY2")
    }


def test_what_is_merely_missing_or_another_contract_is_not():
    assert renamed_contracts({OLD: 3}, {}) == {}
    assert renamed_contracts({OLD: 3}, {NEW: 2}) == {}
    assert renamed_contracts({OLD: 3}, {OLD: 3, NEW: 3}) == {}
    assert renamed_contracts({OLD: 3}, {"SPX240216C00470000": 3}) == {}
    assert renamed_contracts({OLD: 3}, {"SPYG240216C00470000": 3}) == {}
    assert renamed_contracts({OLD: 3}, {NEW.replace("00470", "00235"): 3}) == {}


def test_nothing_is_renamed_while_another_contract_of_the_root_is_listed():
    """A split renames all of a root: a person holds the adjusted one."""
    other = OLD.replace("00470", "00475")
    assert renamed_contracts({OLD: 3, other: -3}, {NEW: 3, other: -3}) == {}
