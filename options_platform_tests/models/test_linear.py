import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax as scipy_softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from options_platform.models.base import from_json, to_json
from options_platform.models.linear import (
    fit_logit,
    fit_ridge,
    predict_logit,
    predict_ridge,
    softmax,
)

RANDOM = np.random.default_rng(3)
INPUTS = RANDOM.normal(5, 3, (400, 4)) * np.array([1.0, 100.0, 0.01, 1.0])
SCORES = np.column_stack([INPUTS[:, 0], INPUTS[:, 1] / 100, 5 + RANDOM.normal(0, 1, 400)])
CLASSES = (SCORES + RANDOM.gumbel(0, 2, SCORES.shape)).argmax(axis=1)
LEVELS = INPUTS @ np.array([0.3, 0.01, 40.0, 0.0]) + RANDOM.normal(0, 1, 400)


@pytest.mark.parametrize("penalty", [0.05, 1.0])
@pytest.mark.parametrize("classes", [3, 2])
def test_a_logit_predicts_the_same_as_scikit_learn(penalty, classes):
    target = np.minimum(CLASSES, classes - 1)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=1000))
    wanted = theirs.fit(INPUTS, target).predict_proba(INPUTS)
    fit = fit_logit(INPUTS, target, classes=classes, inverse_penalty=penalty)
    np.testing.assert_allclose(predict_logit(fit, INPUTS), wanted, atol=1e-6)


def test_a_class_without_training_rows_has_probability_zero():
    has_class = CLASSES != 1
    fit = fit_logit(INPUTS[has_class], CLASSES[has_class], classes=3, inverse_penalty=1.0)
    probabilities = predict_logit(fit, INPUTS)
    assert (probabilities[:, 1] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-15)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    wanted = theirs.fit(INPUTS[has_class], CLASSES[has_class]).predict_proba(INPUTS)
    np.testing.assert_allclose(probabilities[:, [0, 2]], wanted, atol=1e-6)


def test_a_single_class_is_certain():
    fit = fit_logit(INPUTS, np.full(400, 2), classes=3, inverse_penalty=1.0)
    np.testing.assert_array_equal(predict_logit(fit, INPUTS), [[0.0, 0.0, 1.0]] * 400)


def test_a_ridge_predicts_the_same_as_scikit_learn_and_the_normal_equations():
    fit = fit_ridge(INPUTS, LEVELS, penalty=50.0)
    predicted = predict_ridge(fit, INPUTS)
    theirs = make_pipeline(StandardScaler(), Ridge(alpha=50.0)).fit(INPUTS, LEVELS)
    np.testing.assert_allclose(predicted, theirs.predict(INPUTS), rtol=1e-9)
    z = (INPUTS - INPUTS.mean(axis=0)) / INPUTS.std(axis=0)
    weights = np.linalg.solve(z.T @ z + 50.0 * np.eye(4), z.T @ (LEVELS - LEVELS.mean()))
    np.testing.assert_allclose(predicted, z @ weights + LEVELS.mean(), rtol=1e-9)
    assert fit["residual_std"] == pytest.approx(np.std(LEVELS - predicted))


def test_a_constant_input_is_ignored_without_a_division_by_zero():
    flat = np.column_stack([INPUTS, np.full(400, 7.0)])
    with_flat, without = (
        fit_ridge(flat, LEVELS, penalty=1.0),
        fit_ridge(INPUTS, LEVELS, penalty=1.0),
    )
    np.testing.assert_allclose(
        predict_ridge(with_flat, flat), predict_ridge(without, INPUTS), rtol=1e-12
    )


def test_a_missing_input_gives_nan_for_its_row_only():
    holed = INPUTS[:5].copy()
    holed[2, 1] = np.nan
    for predicted in (
        predict_ridge(fit_ridge(INPUTS, LEVELS, penalty=1.0), holed),
        predict_logit(fit_logit(INPUTS, CLASSES, classes=3, inverse_penalty=1.0), holed)[:, 0],
    ):
        assert np.isnan(predicted).tolist() == [False, False, True, False, False]


@given(cut=st.lists(st.integers(0, 400), max_size=6).map(sorted))
@settings(deadline=None, max_examples=40)
def test_a_row_does_not_depend_on_its_batch(cut):
    logit = fit_logit(INPUTS, CLASSES, classes=3, inverse_penalty=1.0)
    ridge = fit_ridge(INPUTS, LEVELS, penalty=1.0)
    parts = np.split(INPUTS, cut)
    for predict, fit in ((predict_logit, logit), (predict_ridge, ridge)):
        whole = predict(fit, INPUTS)
        np.testing.assert_array_equal(np.concatenate([predict(fit, p) for p in parts]), whole)


def test_the_same_rows_give_the_same_numbers_and_json_preserves_them():
    first = fit_logit(INPUTS, CLASSES, classes=3, inverse_penalty=1.0)
    again = fit_logit(INPUTS.copy(), CLASSES.copy(), classes=3, inverse_penalty=1.0)
    assert to_json(first) == to_json(again)
    kept = from_json(to_json(first))
    np.testing.assert_array_equal(predict_logit(kept, INPUTS), predict_logit(first, INPUTS))


@given(
    st.lists(st.lists(st.floats(-700, 700), min_size=3, max_size=3), min_size=1, max_size=8).map(
        np.array
    )
)
def test_softmax_equals_scipys(scores):
    np.testing.assert_allclose(softmax(scores), scipy_softmax(scores, axis=1), atol=1e-15)
