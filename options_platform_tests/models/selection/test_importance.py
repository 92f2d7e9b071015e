"""Importance identifies the input that matters; stability and ablation behave as documented."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.models.direction import DIRECTION_PARTS
from options_platform.models.parts.blend import DirectionBlend, RankBlend
from options_platform.models.parts.boosted import Boosted
from options_platform.models.selection.importance import (
    family_of,
    fold_importance,
    importance_stability,
    overall_importance,
    without_family,
)
from options_platform.models.trees import tree_importance
from options_platform.models.volatility import RANK_PARTS
from options_platform_tests.models.rows import random_dataset

END = date(2017, 9, 29)


def planted():
    """Rows whose class and rank depend on a single input, `rsi_14`."""
    data = random_dataset(END)
    signal = np.nan_to_num(data.sample.column("rsi_14"), nan=50.0)
    direction = np.digitize(signal, np.quantile(signal, [0.33, 0.67]))
    sample = replace(
        data.sample,
        direction=direction.astype(np.int64),
        fwd_iv_rank=np.nan_to_num(data.sample.column("iv_rank"), nan=0.5) + (signal - 50.0) / 100.0,
    )
    return replace(data, sample=sample)


@pytest.mark.parametrize(
    "model",
    [
        DirectionBlend("d", (Boosted(rounds=60, colsample_bytree=1.0),)),
        RankBlend(
            "r",
            (Boosted(target="rank_change", needs=("iv_rank",), rounds=60, colsample_bytree=1.0),),
        ),
    ],
    ids=["direction", "iv_rank"],
)
def test_the_planted_input_is_the_most_important_by_all_three_views(model):
    sample = planted().sample
    fitted = model.fit(sample.take(model.trainable(sample)[:1000]))
    importance = fold_importance(model, "2017-09", fitted, sample.take(np.arange(1200, 1280)))
    for view in ("gain", "shap", "permutation"):
        top = importance.sort(view, descending=True)["input"].to_list()[:2]
        assert any(name.startswith("rsi") for name in top), (view, top)
    assert importance["gain"].sum() == pytest.approx(1.0)
    assert importance["shap"].sum() == pytest.approx(1.0)
    assert overall_importance(importance).height == len(sample.names)


def test_shap_values_add_up_to_the_prediction():
    import xgboost

    sample = planted().sample
    model = DirectionBlend("d", (Boosted(rounds=20),))
    booster = model.fit(sample.take(model.trainable(sample)[:800]))["trees.ubj"]
    rows = sample.take(np.arange(1000, 1040))
    loaded = xgboost.Booster()
    loaded.load_model(bytearray(booster))
    matrix = xgboost.DMatrix(rows.inputs, feature_names=list(rows.names))
    total = loaded.predict(matrix, pred_contribs=True).sum(axis=-1)
    assert total == pytest.approx(loaded.predict(matrix, output_margin=True), abs=1e-4)
    _, shap = tree_importance(booster, rows.inputs, rows.names)
    wanted = np.abs(loaded.predict(matrix, pred_contribs=True))[..., :-1].sum(axis=1).mean(axis=0)
    assert shap == pytest.approx(wanted)


def test_stability_is_the_rank_correlation_of_a_year_with_the_year_before():
    def year(year_number, shares):
        return pl.DataFrame({"fold": f"{year_number}-01", "input": ["a", "b", "c"], "shap": shares})

    rows = pl.concat([year(2015, [0.5, 0.3, 0.2]), year(2016, [0.6, 0.3, 0.1]),
                      year(2017, [0.1, 0.3, 0.6])])  # fmt: skip
    stability = importance_stability(rows)
    assert stability["year"].to_list() == ["2016", "2017"]
    assert stability["correlation"].to_list() == pytest.approx([1.0, -1.0])


def test_every_input_has_a_family_and_can_be_left_out_with_it():
    names = random_dataset(END).sample.names
    families = {family_of(name) for name in names}
    assert families == {"technical", "volatility", "regime"}
    for parts in (DIRECTION_PARTS, RANK_PARTS):
        for family in families:
            for part in without_family(parts, family, names):
                used = getattr(part, "inputs", ()) + getattr(part, "logs", ())
                assert used
                assert all(family_of(name) != family for name in used)
    assert family_of("trend_regime_bull") == "regime"
