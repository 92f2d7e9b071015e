"""Trials count once, are scored on the same rows, and ignore data after their last year."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.models.baselines import AutoregressiveRank, PriorDirection
from options_platform.models.parts.boosted import Boosted
from options_platform.models.parts.ridge import Ridge
from options_platform.models.selection.candidates import CANDIDATES, Candidate
from options_platform.models.selection.search import candidate_of, nests, part_choices, suggested
from options_platform.models.selection.trials import Contest
from options_platform.testing.leaks import known_by
from options_platform_tests.models.rows import POOL, random_rows

NOW = datetime(2026, 1, 2, tzinfo=UTC)
START, END = date(2017, 3, 1), date(2017, 6, 30)


def named(target, *names):
    return [c for c in CANDIDATES[target] if c.model.name in names]


def contest(target, rows=None, end=END):
    features, labels = rows or random_rows()
    return Contest(target, features, labels, pool=POOL, start=START, end=end, purpose="choice")


def test_candidates_have_unique_names():
    for candidates in CANDIDATES.values():
        names = [candidate.model.name for candidate in candidates]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("target", "names"),
    [("direction", ("prior", "logit", "logit_by_ticker")), ("iv_rank", ("ar1", "ridge"))],
)
def test_each_trial_scores_the_same_rows_beside_the_same_naive_loss(target, names):
    trials = list(contest(target).run(named(target, *names), tried_at=NOW))
    rows = pl.concat([trial.row for trial in trials])
    assert rows["model"].to_list() == list(names)
    assert rows["naive_loss"].n_unique() == 1
    assert rows["rows"].n_unique() == 1
    for trial in trials:
        weighted = (trial.folds["loss"] * trial.folds["rows"]).sum() / trial.folds["rows"].sum()
        loss = trial.row["loss"].item()
        assert weighted == pytest.approx(loss if target == "direction" else loss**2)
        assert trial.folds["fold"].to_list() == ["2017-03", "2017-04", "2017-05", "2017-06"]
        assert all(f"{ticker} " in " ".join(trial.scores) for ticker in POOL)


def test_the_naive_candidate_scores_the_naive_loss():
    trial = contest("direction").score(Candidate(PriorDirection()), tried_at=NOW)
    assert trial.row["loss"].item() == pytest.approx(trial.row["naive_loss"].item(), abs=1e-12)


def test_a_variant_is_tried_once_and_another_window_is_another_trial():
    first = contest("iv_rank")
    chosen = [Candidate(AutoregressiveRank())]
    done = {trial.row["trial_id"].item() for trial in first.run(chosen, tried_at=NOW)}
    assert list(contest("iv_rank").run(chosen, tried_at=NOW, tried_ids=done)) == []
    shorter = Candidate(AutoregressiveRank(window_sessions=252))
    assert first.trial_id(shorter) not in done
    assert contest("iv_rank", end=date(2017, 5, 31)).trial_id(chosen[0]) not in done


def test_a_year_that_ends_on_a_holiday_is_scored_up_to_its_last_session():
    features, labels = random_rows()
    sunday = date(2017, 4, 30)
    assert sunday not in features["date"].to_list()
    sunday_contest = contest("iv_rank", (features, labels), end=sunday)
    friday = contest("iv_rank", (features, labels), end=date(2017, 4, 28))
    assert sunday_contest.end == date(2017, 4, 28)
    chosen = Candidate(AutoregressiveRank())
    assert sunday_contest.trial_id(chosen) == friday.trial_id(chosen)
    assert sunday_contest.score(chosen, tried_at=NOW).folds["fold"].to_list() == [
        "2017-03",
        "2017-04",
    ]


@pytest.mark.parametrize("target", ["direction", "iv_rank"])
def test_data_after_the_last_year_of_choice_change_no_score(target):
    features, labels = random_rows()
    cut = (features.filter(pl.col("date") <= END), known_by(labels, END))
    name = "logit" if target == "direction" else "ridge"
    whole, short = (
        next(iter(contest(target, rows).run(named(target, name), tried_at=NOW)))
        for rows in (None, cut)
    )
    assert whole.scores == short.scores
    assert whole.folds.drop("trial_id").equals(short.folds.drop("trial_id"))


def test_a_nest_never_chooses_on_the_year_that_it_scores():
    nested = list(nests(date(2003, 1, 1), date(2010, 12, 31), years=4))
    assert [nest.outer[0].year for nest in nested] == [2007, 2008, 2009, 2010]
    for nest in nested:
        assert nest.inner[1] < nest.outer[0]
        assert nest.inner[0] == date(2003, 1, 1)
    assert list(nests(date(2009, 1, 1), date(2010, 12, 31), years=4)) == []


@pytest.mark.parametrize("target", ["direction", "iv_rank"])
def test_optuna_suggests_distinguishable_blends(target):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=42))
    ids = contest(target)
    suggestions, blends, windows = set(), set(), set()
    for _ in range(12):
        trial = study.ask()
        candidate = suggested(target, trial)
        again = candidate_of(target, trial.params)
        assert candidate.model.parameters == again.model.parameters
        kinds = {type(part) for part in candidate.model.parts}
        assert ("penalty" in trial.params) == (Ridge in kinds)
        assert ("rounds" in trial.params) == (Boosted in kinds)
        blends.add(trial.params["parts"])
        windows.add(candidate.model.window_sessions)
        suggestions.add((ids.trial_id(candidate), str(candidate.model.parameters)))
        study.tell(trial, 1.0)
    assert len({trial_id for trial_id, _ in suggestions}) == len(suggestions) > 8
    assert len(blends) > 1
    assert blends <= set(part_choices(target))
    assert windows == {None, 1260, 2520}
