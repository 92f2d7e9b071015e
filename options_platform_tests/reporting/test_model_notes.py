import polars as pl
import pytest

from options_platform.models.evaluation.scores import SCORES_SCHEMA
from options_platform.reporting.model_notes import score_table, verdict


def row(metric, low, high, baseline):
    return {"metric": metric, "low": low, "high": high, "baseline": baseline}


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (row("auc_macro", 0.51, 0.60, 0.5), "yes"),
        (row("auc_macro", 0.49, 0.60, 0.5), "unclear"),
        (row("auc_macro", 0.40, 0.45, 0.5), "worse"),
        (row("log_loss", 0.90, 0.95, 1.0), "yes"),
        (row("log_loss", 1.10, 1.20, 1.0), "worse"),
        (row("neutral_share", 0.1, 0.2, None), ""),
    ],
)
def test_a_score_is_better_only_if_its_whole_interval_is(score, words):
    assert verdict(score) == words


def test_each_score_is_beside_its_interval_and_that_of_the_naive_forecast():
    values = ["direction", "ALL", "all", "log_loss", 0.95, 0.9, 0.99, 1.0, 100]
    scores = pl.DataFrame([values], schema=SCORES_SCHEMA, orient="row")
    line = score_table(scores, "direction", "direction").splitlines()[-1]
    cells = [cell.removesuffix("&emsp; ").strip() for cell in line.strip("|").split("|")]
    assert cells == ["log_loss", "0.9500", "0.9000 to 0.9900", "1.0000", "yes"]
