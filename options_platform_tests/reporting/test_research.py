"""The research page's tables show the stored rows, and separate choosing from scoring years."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import (
    CHAMPIONS,
    MODEL_IMPORTANCE,
    MODEL_SCORES,
    TRIAL_FOLDS,
    TRIALS,
)
from options_platform.models.promotion import DEFAULT
from options_platform.reporting.report import environment
from options_platform.reporting.research import research_section

FOLDS = [f"{year}-{month:02d}" for year in range(2010, 2014) for month in range(1, 13)]


def score(period, metric="log_loss", model="direction", ticker="ALL", target="direction"):
    return {
        "target": target, "model": model, "ticker": ticker, "period": period, "metric": metric,
        "value": 1.0, "low": 0.9, "high": 1.1, "baseline": 1.2, "n": 100,
    }  # fmt: skip


def trial(model, loss, purpose="choice"):
    row = {
        "trial_id": f"{model}-{purpose}", "target": "direction", "model": model,
        "purpose": purpose, "parameters": "{}", "data_hash": "d", "first": date(2010, 1, 4),
        "last": date(2013, 12, 31), "rows": 1000, "loss": float(np.mean(loss)), "naive_loss": 1.1,
        "scores": '{"auc_macro": 0.6}', "tried_at": datetime(2026, 1, 2, tzinfo=UTC),
    }  # fmt: skip
    folds = {
        "trial_id": row["trial_id"],
        "fold": FOLDS,
        "rows": 21,
        "loss": loss,
        "naive_loss": 1.1,
    }
    return (
        pl.DataFrame([row], schema=TRIALS.schema),
        pl.DataFrame(folds).cast(dict(TRIAL_FOLDS.schema)),
    )


def section():
    noise = np.random.default_rng(0).normal(0, 0.05, len(FOLDS))
    pairs = [
        trial(DEFAULT["direction"], 1.05 + noise),
        trial("logit", 1.07 + noise[::-1]),
        trial("without_volatility", 1.08 + noise),
        trial(DEFAULT["direction"], 1.06 + noise, purpose="final"),
    ]
    scores = [
        score("all"), score("all", model="prior"), score("all", ticker="SPY"), score("2011"),
        score("regime low_vol"), score("sessions 1-21"),
        score("2011", "auc_macro"), score("sessions 1-21", "auc_macro"),
        score("all", "qlike", "har", target="iv_rank"),
    ]  # fmt: skip
    importance = [
        {"target": "direction", "fold": fold, "input": name, "family": "volatility",
         "gain": share, "shap": share, "permutation": share}
        for fold in ("2012-12", "2013-12")
        for name, share in (("vix", 0.7), ("hv_20", 0.3))
    ]  # fmt: skip
    return research_section(
        pl.DataFrame(scores, schema=MODEL_SCORES.schema),
        pl.DataFrame(importance, schema=MODEL_IMPORTANCE.schema),
        pl.concat([row for row, _ in pairs]),
        pl.concat([folds for _, folds in pairs]),
        CHAMPIONS.empty(),
    )


def test_each_cut_of_the_scores_has_its_own_table():
    found = section()["direction"]
    assert [row["model"] for row in found["models"]] == ["direction", "prior"]
    assert [row["ticker"] for row in found["by_ticker"]] == ["SPY"]
    assert [row["metric"] for row in found["by_year"]] == ["auc_macro", "log_loss"]
    assert {row["period"] for row in found["by_year"]} == {"2011"}
    assert [row["period"] for row in found["by_regime"]] == ["regime low_vol"]
    assert {row["period"] for row in found["by_age"]} == {"sessions 1-21"}
    assert [row["model"] for row in section()["iv_rank"]["realised"]] == ["har"]


def test_only_what_has_rows_is_drawn():
    assert list(section()["direction"]["plots"]) == ["year", "age", "importance", "stability"]
    assert all(uri.startswith("data:image/png") for uri in section()["direction"]["plots"].values())
    assert section()["iv_rank"]["plots"] == {}


def test_reserved_years_do_not_influence_the_choice():
    found = section()["direction"]
    assert found["champion"] == DEFAULT["direction"]
    assert [row["model"] for row in found["trials"]] == [
        DEFAULT["direction"],
        "logit",
        "without_volatility",
    ]
    assert found["luck"]["trials"] == 3
    assert [row["purpose"] for row in found["final"]] == ["final"]
    assert found["final"][0]["scores"] == {"auc_macro": 0.6}


def test_the_cost_of_a_family_is_the_increase_of_the_loss_without_it():
    (row,) = section()["direction"]["families"]
    assert row["family"] == "volatility"
    assert row["cost"] == pytest.approx(0.03)
    assert section()["iv_rank"]["families"] == []


def test_each_look_at_the_reserved_years_is_shown():
    page = section()["direction"]
    template = environment().get_template("research.html.j2")
    assert "looked at once, after all choices" in template.render(research={"direction": page})
    second = page["final"][0] | {"model": "logit", "tried_at": datetime(2026, 2, 3, tzinfo=UTC)}
    page["final"].append(second)
    html = template.render(research={"direction": page})
    assert "looked at 2 times" in html
    assert "<td>2</td><td><code>logit</code></td><td>2026-02-03</td>" in html


def test_importance_is_the_mean_of_the_folds_and_its_stability_by_year():
    found = section()["direction"]
    assert [row["input"] for row in found["importance"]] == ["vix", "hv_20"]
    assert [row["year"] for row in found["stability"]] == ["2013"]
    assert section()["iv_rank"]["importance"] == []
