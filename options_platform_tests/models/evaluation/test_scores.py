"""Slices that cover every row once, headlines and summaries of scores."""

import polars as pl
import pytest
from sklearn.metrics import log_loss

from options_platform.models.evaluation import evaluate_direction, headline, summary
from options_platform_tests.models.evaluation.rows import (
    CLASSES,
    DIRECTION_ROWS,
    RANK,
    REGIMES,
    SHIPPED,
    labels,
    score,
)


def test_slices_by_year_and_regime_cover_every_row_once():
    scores = evaluate_direction(DIRECTION_ROWS, labels(), regimes=REGIMES, by=("year", "regime"))
    one_metric = scores.filter(
        (pl.col("metric") == "log_loss")
        & (pl.col("model") == "direction")
        & (pl.col("ticker") == "ALL")
    )
    years = one_metric.filter(pl.col("period").str.len_chars() == 4)
    assert years["period"].to_list() == ["2019", "2020", "2021", "2022"]
    assert years["n"].sum() == CLASSES.size
    regimes = one_metric.filter(pl.col("period").str.starts_with("regime"))
    assert regimes["period"].to_list() == ["regime high_vol", "regime low_vol"]
    assert regimes["n"].sum() == CLASSES.size
    high = RANK > 0.5
    assert regimes["value"][0] == pytest.approx(log_loss(CLASSES[high], SHIPPED[high]))


def test_the_headline_has_each_score_with_its_baseline():
    direction = evaluate_direction(DIRECTION_ROWS, labels())
    by_name = headline(direction, "direction")
    assert by_name["log_loss"] == score(direction, "log_loss")["value"]
    assert by_name["log_loss baseline"] == score(direction, "log_loss")["baseline"]
    assert "neutral_share baseline" not in by_name


def test_an_undefined_score_is_left_out_of_the_headline():
    scores = evaluate_direction(DIRECTION_ROWS, labels())
    unknown = pl.when(pl.col("metric") != "log_loss").then("value").alias("value")
    by_name = headline(scores.with_columns(unknown), "direction")
    assert "log_loss" not in by_name
    assert by_name["log_loss baseline"] == score(scores, "log_loss")["baseline"]
    assert all(isinstance(value, float) for value in by_name.values())


def test_a_summary_is_one_line_with_each_baseline_and_none_without_scores():
    scores = evaluate_direction(DIRECTION_ROWS, labels())
    line = summary(scores, "direction", ("log_loss", "not_a_metric"))
    by_name = headline(scores, "direction")
    assert f"log_loss {by_name['log_loss']:.4f} (naive {by_name['log_loss baseline']:.4f})" in line
    assert "not_a_metric" not in line
    assert summary(scores, "nobody", ("log_loss",)) is None
