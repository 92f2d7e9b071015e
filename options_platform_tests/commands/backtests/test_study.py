"""`study`: hypotheses run, counted as trials, stored, and shown in the report."""

import json
import re
import shutil
from datetime import datetime

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.contracts import STUDIES, STUDY_RESULTS, TRIALS
from options_platform.contracts.rule_sets import HELD, LEFT
from options_platform.contracts.studies import CHECK, CHOICE, WHOLE
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.reporting.report import render
from options_platform.settings import load_settings
from options_platform_tests.printed import flat

NOW = datetime(2026, 1, 2, 12, tzinfo=NEW_YORK)
STUDY = """
version = 3
title = "Stops"
note = "These years have been seen."
first = 2015-01-02
chosen_until = 2017-02-28
checked_until = 2017-03-31
tickers = ["SPY", "QQQ"]
fewest_trades = 2
trials = 100
over = "defaults"
[settings]
account_value_usd = 1000000.0
[[hypotheses]]
name = "stops"
sentence = "A nearer stop is better."
group = "family"
vary = ["exits.credit_stop=1,2"]
[[hypotheses]]
name = "with_iwm"
sentence = "IWM diversifies."
group = "left_to_try"
tickers = ["SPY", "IWM"]
[[hypotheses]]
name = "never"
sentence = "A rule that never trades earns nothing."
group = "did_not_pay"
settings = { plan = { liquidity = { min_bid_usd = 1000.0 } } }
[[untried]]
what = "what nobody can try"
why = "it is not there"
"""


@pytest.fixture
def home(simulated_home, tmp_path, monkeypatch):
    """A backfilled home with a study of its own."""
    folder = tmp_path / "home"
    (folder / "studies").mkdir(parents=True)
    shutil.copy(simulated_home.warehouse_path, folder / "warehouse.duckdb")
    (folder / "studies" / "stops.toml").write_text(STUDY)
    for name, value in {
        "HOME": folder, "SOURCE": "simulated", "TICKERS": "SPY,QQQ", "START": simulated_home.start,
        "END": simulated_home.end, "WORKERS": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    return folder


def stored(home, table):
    return Warehouse(home / "warehouse.duckdb", wait_seconds=5).read(table)


def report():
    settings = load_settings()
    return render(settings, Warehouse(settings.warehouse_path, wait_seconds=5), now=NOW)


def test_a_study_is_run_counted_stored_and_shown(home, capsys):
    assert main(["study", "stops"]) == 0
    shown = flat(capsys.readouterr().out)
    for text in (
        "These years have been seen.", "left before expiry", "The study chooses stops",
        "blocks of 63 sessions",
        "Not tried: with_iwm: this home has no IWM",
        "Not tried: what nobody can try: it is not there",
    ):  # fmt: skip
        assert text in shown
    # In a narrow column, folded: none has enough trades.
    assert {"none", "has", "enough"} <= set(shown.split())
    rows = stored(home, STUDY_RESULTS)
    assert rows.height == 3 * 2 * 3
    assert set(rows["policy"]) == {LEFT, HELD}
    assert set(rows["span"]) == {CHOICE, CHECK, WHOLE}
    chosen = rows.filter(pl.col("chosen") & (pl.col("policy") == LEFT))
    assert set(chosen["hypothesis"]) == {"stops"}
    candidates = rows.filter(hypothesis="stops", policy=LEFT, span=CHOICE)
    assert chosen.filter(span=CHOICE)["sharpe"].item() == candidates["sharpe"].max()
    chance = chosen.filter(span=WHOLE)["deflated_sharpe"].item()
    verdict = "more than luck" if chance > 0.95 else "NOT PROVEN"
    assert f"{chance:.2f}: {verdict}." in shown
    head = stored(home, STUDIES).row(0, named=True)
    assert (head["study"], head["version"], head["runs"]) == ("stops", 3, 6)
    # A rule that never trades has no Sharpe ratio and is no trial.
    trials = stored(home, TRIALS).filter(target="backtest")
    assert trials.height == 4
    assert set(trials["purpose"]) == {"study"}
    page = report()
    for text in ("A nearer stop is better.", "These years have been seen.", verdict):
        assert text in page


def test_a_study_that_is_run_again_replaces_the_former_one_and_counts_no_trial_twice(home, capsys):
    results = []
    for _ in range(2):
        assert main(["study", "stops", "--json"]) == 0
        results.append(json.loads(capsys.readouterr().out))
        results[-1].pop("studied_at")
    assert results[0] == results[1]
    assert stored(home, STUDIES).height == 1
    assert stored(home, TRIALS).filter(target="backtest").height == 4


@pytest.mark.parametrize(
    ("hypothesis", "said"),
    [
        ('vary = ["exits.credit_stp=1,2"]', "hypothesis bad: no setting exits.credit_stp to vary"),
        ('vary = ["exits.credit_stop=1..2"]', "exits.credit_stop has a range"),
        ("settings = { exits = { credit_stop = -1 } }", "hypothesis bad: .*credit_stop must be"),
        ('tickers = ["IWM"]', "can try none of its hypotheses"),
    ],
)
def test_a_hypothesis_that_cannot_be_run_is_named_and_nothing_is_stored(
    home, capsys, hypothesis, said
):
    head = STUDY[: STUDY.index("[[hypotheses]]")]
    one = f'[[hypotheses]]\nname = "bad"\nsentence = "x"\ngroup = "family"\n{hypothesis}\n'
    (home / "studies" / "bad.toml").write_text(head + one)
    assert main(["study", "bad"]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert stored(home, STUDIES).is_empty()


@pytest.mark.long
def test_variants_that_leave_spreads_out_are_named_and_the_scores_of_their_model_shown(
    home, capsys
):
    head = STUDY[: STUDY.index("[[hypotheses]]")]
    one = '[[hypotheses]]\nname = "own_loss"\nsentence = "x"\ngroup = "left_to_try"\n'
    (home / "studies" / "loss.toml").write_text(f"{head}{one}leave_out = [0.1, 0.25]\n")
    assert main(["study", "loss"]) == 0
    capsys.readouterr()
    variants = stored(home, STUDY_RESULTS)["variant"].unique().sort().to_list()
    assert variants == ["as set, leave_out=0.1", "as set, leave_out=0.25"]
    assert stored(home, TRIALS).filter(target="backtest").height == 4
    # Two months of trades are too few for a forecast, and for its score.
    heads = stored(home, STUDIES)
    assert heads["model_scores"].to_list() == [[]]
    scored = heads.with_columns(model_scores=pl.lit(["forecasts of stops for own_loss, AUC 0.5"]))
    warehouse = Warehouse(home / "warehouse.duckdb", wait_seconds=5)
    warehouse.replace([(STUDIES, scored)], "study", "loss")
    assert "Out of sample, forecasts of stops for own_loss, AUC 0.5." in report()


@pytest.mark.long
def test_the_report_says_how_to_run_a_study_where_none_was(home):
    assert "options-platform study premium_ladder" in report()
