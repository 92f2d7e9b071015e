from datetime import date

import polars as pl
import pytest

from options_platform.models.study.fold_scores import fold_scores

DAYS = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 2, 1)]
LABELS = pl.DataFrame({"date": DAYS, "ticker": "SPY", "fwd_iv_rank_5d": [0.5, 0.5, 0.5]})


def predictions(model, ranks):
    return pl.DataFrame(
        {
            "date": DAYS, "ticker": "SPY", "model": model, "target": "iv_rank",
            "fold": ["2024-01", "2024-01", "2024-02"], "iv_rank_pred": ranks,
        },
        schema_overrides={"iv_rank_pred": pl.Float64},
    )  # fmt: skip


def scores(ours, naive):
    rows = pl.concat([predictions("volatility", ours), predictions("persistence", naive)])
    names = {"target": "iv_rank", "model": "volatility", "naive": "persistence"}
    return fold_scores(rows, LABELS, **names)


def test_the_skill_to_date_weighs_every_row_alike():
    found = scores([0.6, 0.6, 0.5], [0.7, 0.7, 0.3])
    assert found["fold"].to_list() == ["2024-01", "2024-02"]
    assert found["rows"].to_list() == [2, 1]
    assert found["skill"].to_list() == pytest.approx([0.75, 1.0])
    assert found["skill_to_date"].to_list() == pytest.approx([0.75, 1 - 0.02 / 0.12])


def test_both_are_scored_on_the_sessions_that_the_model_predicts():
    found = scores([None, 0.6, 0.5], [0.9, 0.7, 0.3])
    assert found["rows"].to_list() == [1, 1]
    assert found["naive_loss"].to_list() == pytest.approx([0.04, 0.04])


def test_a_month_without_naive_loss_has_no_skill():
    assert scores([0.6, 0.6, 0.6], [0.5, 0.5, 0.3])["skill"].to_list()[0] is None
