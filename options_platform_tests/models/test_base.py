from hypothesis import given
from hypothesis import strategies as st

from options_platform.models.base import from_json, to_json

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(st.text(), st.one_of(FLOATS, st.lists(FLOATS), st.integers())))
def test_json_restores_numbers_to_the_bit(value):
    assert from_json(to_json(value)) == value


def test_the_order_of_the_keys_does_not_change_the_bytes():
    assert to_json({"a": 1, "b": 0.1}) == to_json({"b": 0.1, "a": 1})
