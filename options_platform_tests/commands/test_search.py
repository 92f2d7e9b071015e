"""A search resumes where it was killed, and records each of its trials."""

import json
import os
import subprocess
import sys

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.client import open_client
from options_platform.cli import main
from options_platform.contracts import LABELS, TRIAL_FOLDS, TRIALS
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.settings import load_settings
from options_platform_tests.models.rows import POOL, random_rows

pytest.importorskip("optuna")
# The years before 2017 end on a Saturday.
ASKED = ["search", "--years", "1", "--start", "2015-01-01", "--json", "--target"]


def home_with_features(home, monkeypatch):
    # One worker: those of a killed search would outlive it and hold its pipes.
    values = {"SOURCE": "simulated", "HOME": home, "TICKERS": ",".join(POOL), "WORKERS": 1}
    for name, value in values.items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    home.mkdir()
    features, labels = random_rows()
    warehouse = Warehouse(load_settings().warehouse_path)
    warehouse.write([(FEATURES_TABLE, features), (LABELS, labels)])
    return warehouse


@pytest.mark.long
def test_a_resumed_search_ends_like_an_uninterrupted_one(tmp_path, monkeypatch, capfd):
    home_with_features(tmp_path / "whole", monkeypatch)
    assert main([*ASKED, "direction", "--trials", "2"]) == 0
    whole = json.loads(capfd.readouterr().out)
    warehouse = home_with_features(tmp_path / "killed", monkeypatch)
    command = [sys.executable, "-m", "options_platform", *ASKED, "direction", "--trials", "2"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as search:
        for line in search.stderr:
            if "1/2" in line:
                search.kill()
                break
    killed = set(warehouse.read(TRIALS)["trial_id"])
    assert 1 <= len(killed) <= 2
    assert main([*ASKED, "direction", "--trials", "2"]) == 0
    printed = capfd.readouterr()
    assert json.loads(printed.out) == whole
    assert "1/2" not in printed.err
    assert "2/2" in printed.err
    trials = warehouse.read(TRIALS)
    assert trials["purpose"].unique().to_list() == ["search"]
    assert killed < set(trials["trial_id"])
    assert set(warehouse.read(TRIAL_FOLDS)["trial_id"]) == set(trials["trial_id"])
    assert trials.filter(pl.col("first").dt.year() == 2017).height == 1
    client = open_client(tmp_path / "killed")
    experiment = client.get_experiment_by_name("trials of direction")
    shown = {run.data.tags["trial_id"] for run in client.search_runs([experiment.experiment_id])}
    assert shown == set(trials["trial_id"])


def test_years_without_predictions_are_named(tmp_path, monkeypatch, capfd):
    home_with_features(tmp_path / "home", monkeypatch)
    assert main([*ASKED, "iv_rank", "--trials", "1"]) == 1
    message = "predicts no session from 2015-01-01 to 2016-12-30 whose outcome is known"
    assert message in capfd.readouterr().err
