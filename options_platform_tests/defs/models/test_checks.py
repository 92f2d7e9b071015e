"""The blocking checks of the model assets: they fail on a leak and on lost skill."""

from datetime import date

import dagster as dg
import numpy as np
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import DIRECTION_MODEL, LABELS, MODEL_FOLDS, MODEL_PREDICTIONS
from options_platform.defs.models.checks import DESCRIPTIONS, judge, make_model_checks
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.models.direction import with_call
from options_platform.services.market_data.platform import make_platform
from options_platform.settings import make_settings
from options_platform_tests.models.rows import random_rows

START, END = date(2015, 6, 1), date(2017, 12, 29)
NAMES = ("bearish", "neutral", "bullish")


def predictions(labels, model, sharpness, seed):
    """Probabilities that lean by `sharpness` towards what happens (or away from it, below 0)."""
    known = labels.filter((pl.col("date") >= START) & pl.col("direction").is_not_null())
    happened = np.stack([(known["direction"] == name).to_numpy() for name in NAMES], axis=1)
    random = np.random.default_rng(seed)
    scores = sharpness * happened + 0.05 * random.normal(size=happened.shape)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return known.select("date", "ticker").with_columns(
        **{f"p_{name}": pl.Series(p[:, k]) for k, name in enumerate(NAMES)},
        model=pl.lit(model),
        target=pl.lit("direction"),
        iv_rank_pred=pl.lit(None, pl.Float64),
        fold=pl.col("date").dt.strftime("%Y-%m"),
        model_id=pl.lit("direction-x"),
    ).select(MODEL_PREDICTIONS.schema.names())  # fmt: skip


@pytest.fixture
def platform(tmp_path):
    """A platform whose direction model leans by a given sharpness."""

    def make(sharpness, train_end=date(2017, 12, 1)):
        settings = make_settings(
            {"home": tmp_path / "home", "source": "simulated", "tickers": ("AAA", "BBB"),
             "start": date(2015, 1, 2), "end": END}
        )  # fmt: skip
        settings.home.mkdir()
        features, labels = random_rows()
        warehouse = Warehouse(settings.warehouse_path)
        every = pl.concat(
            [predictions(labels, "direction", sharpness, 1), predictions(labels, "prior", 0.0, 2)]
        )
        own = with_call(every.filter(pl.col("model") == "direction")).with_columns(
            variant=pl.lit("blend")
        )
        fold = {
            "model": "direction", "fold": "2017-12", "input_hash": "h", "model_id": "direction-x",
            "run_id": "r", "path": "p", "sha256": "s", "train_rows": 1, "train_end": train_end,
            "trained_seconds": 1.0,
        }  # fmt: skip
        warehouse.write(
            [
                (FEATURES_TABLE, features),
                (LABELS, labels),
                (DIRECTION_MODEL, own.select(DIRECTION_MODEL.schema.names())),
                (MODEL_PREDICTIONS, every),
                (MODEL_FOLDS, pl.DataFrame([fold], schema=MODEL_FOLDS.schema)),
            ]
        )
        return make_platform(settings)

    return make


def verdicts(platform):
    found = judge(platform, DIRECTION_MODEL, "direction", END)
    assert set(found) == set(DESCRIPTIONS)
    return found


def test_a_modest_fresh_model_passes_every_check(platform):
    found = verdicts(platform(0.004))
    assert all(verdict.passed for verdict in found.values()), found


def test_only_a_leak_fails_the_too_good_check(platform):
    found = verdicts(platform(1.0))
    assert [name for name, verdict in found.items() if not verdict.passed] == ["too_good"]
    assert "look for a leak" in found["too_good"].description


def test_a_model_worse_than_the_prior_has_lost_its_skill(platform):
    found = verdicts(platform(-0.3))
    assert [name for name, verdict in found.items() if not verdict.passed] == ["skill"]


def test_a_model_of_last_summer_is_stale(platform):
    found = verdicts(platform(0.004, train_end=date(2017, 6, 1)))
    assert [name for name, verdict in found.items() if not verdict.passed] == ["fresh"]


def test_a_check_that_runs_alone_judges_up_to_the_newest_row(platform):
    made = platform(0.004)
    later = judge(made, DIRECTION_MODEL, "direction", date(2018, 1, 19))
    assert later == verdicts(made)


def test_dagster_fails_the_run_on_a_leak(platform):
    made = platform(1.0)
    checks = make_model_checks(made.settings)[:1]
    definitions = dg.Definitions(
        assets=[dg.AssetSpec("direction_model")],
        asset_checks=checks,
        jobs=[dg.define_asset_job("judge", dg.AssetSelection.checks(*checks))],
        resources={"platform": made},
    )
    outcome = definitions.resolve_job_def("judge").execute_in_process(raise_on_error=False)
    found = {e.check_name: e for e in outcome.get_asset_check_evaluations()}
    assert not found["too_good"].passed
    assert found["too_good"].severity == dg.AssetCheckSeverity.ERROR
    assert found["too_good"].blocking
    assert found["skill"].passed
    assert "macro AUC" in found["too_good"].metadata
