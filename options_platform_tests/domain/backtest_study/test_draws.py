"""Rank of the rules among random draws, worked by hand."""

import polars as pl
import pytest

from options_platform.domain.backtest_study.draws import DRAW_SCHEMA, draw_bands, median_seed
from options_platform.errors import SettingsError
from options_platform.settings import load_settings


def draws(*ratios, name="random_direction"):
    rows = [
        {"name": name, "fill_model": "default", "seed": seed, "sharpe": ratio}
        for seed, ratio in enumerate(ratios)
    ]
    return pl.DataFrame(rows, schema=DRAW_SCHEMA)


def scores(sharpe):
    fills = ("mid", "default", "worst")
    return pl.DataFrame(
        {"name": ["model"] * 3, "fill_model": fills, "sharpe": [9.0, sharpe, -9.0]},
        schema_overrides={"sharpe": pl.Float64},
    )


def test_the_p_value_counts_the_rules_as_one_additional_draw():
    band = draw_bands(draws(0.1, 0.2, 0.3, -0.2), scores(0.2)).row(0, named=True)
    assert band["draws"] == 4
    assert band["sharpe_mean"] == pytest.approx(0.1)
    # Sorted -0.2, 0.1, 0.2, 0.3; 5% of three steps from the lowest, 95% of them.
    assert band["sharpe_p05"] == pytest.approx(-0.2 + 0.15 * 0.3)
    assert band["sharpe_p95"] == pytest.approx(0.2 + 0.85 * 0.1)
    # Of the draws, 0.2 equals the rules and 0.3 is better.
    assert band["better"] == 0.5
    assert band["p_value"] == pytest.approx(3 / 5)


def test_rules_better_than_every_draw_have_a_p_value_above_zero():
    band = draw_bands(draws(*[0.1] * 19), scores(0.5)).row(0, named=True)
    assert band["better"] == 0.0
    assert band["p_value"] == pytest.approx(1 / 20)


def test_draws_without_trades_do_not_count_and_rules_without_trades_are_not_ranked():
    both = pl.concat([draws(0.1, None, 0.3), draws(None, name="shuffled_signal")])
    band = draw_bands(both, scores(0.2))
    assert band["name"].to_list() == ["random_direction"]
    assert band["draws"].to_list() == [2]
    assert band["better"].to_list() == [0.5]
    silent = draw_bands(both, scores(None)).row(0, named=True)
    assert silent["better"] is silent["p_value"] is silent["model_sharpe"] is None
    assert silent["sharpe_mean"] == pytest.approx(0.2)


def test_the_median_draw_is_shown():
    assert median_seed(draws(0.3, 0.1, 0.2), "random_direction") == 2
    assert median_seed(draws(0.4, 0.1, 0.2, 0.3), "random_direction") == 2
    assert median_seed(draws(0.2, None, 0.2, 0.2), "random_direction") == 2
    assert median_seed(draws(None, None), "random_direction") == 0


def test_zero_draws_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="baseline_seeds"):
        load_settings(tmp_path, {"OPTIONS_BACKTEST__BASELINE_SEEDS": "0"})
