"""A variant with a family has its inputs and is otherwise its twin; none can be shipped."""

import numpy as np
import polars as pl
import pytest

from options_platform.domain.features.cross_features import CROSS
from options_platform.errors import IncompleteDataError, UsageError
from options_platform.models.promotion import blend_of
from options_platform.models.selection.candidates import CANDIDATES
from options_platform.models.selection.family_inputs import family_inputs, with_families
from options_platform_tests.models.rows import random_dataset


def stored(data):
    number = pl.int_range(pl.len()).cast(pl.Float64)
    return data.keys.with_columns(number.alias(f.name) for f in CROSS).with_columns(
        peer_reported_5d=pl.lit(value=True), peer_move=pl.lit(None, pl.Float64)
    )


def test_inputs_come_behind_those_of_features_in_the_same_rows():
    data = random_dataset()
    more = with_families(data, {"cross": stored(data)})
    names = family_inputs("cross")
    assert more.sample.names == (*data.sample.names, *names)
    before = len(data.sample.names)
    np.testing.assert_array_equal(more.sample.inputs[:, :before], data.sample.inputs)
    np.testing.assert_array_equal(more.sample.column("beta_60"), np.arange(len(data.sample)))
    assert set(more.sample.column("peer_reported_5d")) == {1.0}
    assert np.isnan(more.sample.column("peer_move")).all()
    assert more.sample.history.inputs is more.sample.inputs
    assert "implied_corr_weight" not in names


def test_a_family_that_lacks_a_session_is_refused_with_the_command_that_fills_it():
    data = random_dataset()
    with pytest.raises(IncompleteDataError, match="--select cross_features"):
        with_families(data, {"cross": stored(data)[1:]})


@pytest.mark.parametrize("target", ["direction", "iv_rank"])
def test_each_family_is_tried_pooled_and_by_ticker_and_can_not_be_shipped(target):
    tried = {(c.families, c.pooled): c for c in CANDIDATES[target] if c.families}
    assert set(tried) == {((f,), pooled) for f in ("earnings", "cross") for pooled in (True, False)}
    with pytest.raises(UsageError, match="the family cross"):
        blend_of(target, "with_cross")
