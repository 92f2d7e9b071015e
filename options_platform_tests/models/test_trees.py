import numpy as np
import xgboost

from options_platform.models.trees import fit_trees, predict_trees

RANDOM = np.random.default_rng(4)
NAMES = ("a", "b", "c")
INPUTS = RANDOM.normal(0, 1, (300, 3))
INPUTS[::7, 1] = np.nan
LEVELS = np.where(np.nan_to_num(INPUTS[:, 1]) > 0, 1.0, -1.0) + 0.1 * INPUTS[:, 0]
CLASSES = np.digitize(INPUTS[:, 0], [-0.5, 0.5])
REGRESSION = {"objective": "reg:squarederror", "max_depth": 2, "subsample": 0.5, "seed": 42}
SOFTPROB = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2, "seed": 42}


def fit(target, parameters):
    return fit_trees(INPUTS, target, NAMES, rounds=20, parameters=parameters)


def test_predictions_equal_those_of_xgboost():
    data = xgboost.DMatrix(INPUTS, label=LEVELS, feature_names=list(NAMES), nthread=1)
    theirs = xgboost.train({**REGRESSION, "nthread": 1}, data, num_boost_round=20)
    predicted = predict_trees(fit(LEVELS, REGRESSION), INPUTS, NAMES)
    np.testing.assert_array_equal(predicted, theirs.predict(data).astype(np.float64))


def test_trees_learn_a_step_with_some_inputs_missing():
    predicted = predict_trees(fit(LEVELS, REGRESSION), INPUTS, NAMES)
    assert np.isfinite(predicted).all()
    assert np.sqrt(np.mean((predicted - LEVELS) ** 2)) < 0.2 * LEVELS.std()


def test_softprob_has_one_column_per_class_and_predicts_most_classes_correctly():
    probabilities = predict_trees(fit(CLASSES, SOFTPROB), INPUTS, NAMES)
    assert probabilities.shape == (300, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
    assert (probabilities.argmax(axis=1) == CLASSES).mean() > 0.95


def test_the_same_rows_give_the_same_bytes_and_another_seed_gives_others():
    assert fit(LEVELS, REGRESSION) == fit(LEVELS.copy(), REGRESSION)
    assert fit(LEVELS, REGRESSION) != fit(LEVELS, {**REGRESSION, "seed": 43})


def test_a_row_does_not_depend_on_its_batch():
    for model in (fit(LEVELS, REGRESSION), fit(CLASSES, SOFTPROB)):
        whole = predict_trees(model, INPUTS, NAMES)
        alone = [predict_trees(model, INPUTS[n : n + 1], NAMES)[0] for n in range(40)]
        np.testing.assert_array_equal(np.array(alone), whole[:40])


def test_the_bytes_are_in_xgboosts_open_format():
    model = fit(LEVELS, REGRESSION)
    booster = xgboost.Booster()
    booster.load_model(bytearray(model))
    assert booster.num_boosted_rounds() == 20
    assert booster.feature_names == list(NAMES)
