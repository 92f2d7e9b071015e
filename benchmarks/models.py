"""CPU time of a walk-forward fold, against boosted trees of scikit-learn and LightGBM.

On the same seeded market: CPU seconds to fit the newest month's fold of the shipped direction and
volatility models, and of peers with the same depth and rounds on the same rows; folds per second
with one and with two processes; and monthly against daily GARCH fits.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from datetime import date

import numpy as np

from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.feature_engine.compute import compute_features, good_bars
from options_platform.domain.feature_engine.garch import fit_missing
from options_platform.domain.feature_engine.labels import compute_labels
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.models.dataset import Dataset, make_dataset
from options_platform.models.direction import ScaledDirection
from options_platform.models.memory_store import MemoryStore
from options_platform.models.training import walk_forward
from options_platform.models.volatility import ChangeVolatility
from options_platform.testing.market import random_market

TICKERS = ("AAA", "BBB")
REPEATS = 3


def make_data(start: date, end: date) -> tuple[Dataset, object]:
    bars, vix = random_market(TICKERS, start=start, end=end)
    features = compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())
    return make_dataset(features, compute_labels(bars, vix), pool=TICKERS, end=end), bars


def cpu(work: Callable[[], object]) -> float:
    """The smallest CPU seconds of a few runs."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def peers(data: Dataset) -> dict[str, tuple[float, float]]:
    """CPU seconds of one fold: a classifier and a regressor of each library."""
    import lightgbm
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    sample = data.sample
    rows = np.flatnonzero((sample.direction >= 0) & np.isfinite(sample.fwd_iv_rank))
    # scikit-learn cannot bin an input without any value: here the GARCH forecast.
    has_values = np.isfinite(sample.inputs[rows]).any(axis=0)
    inputs, target, change = (
        sample.inputs[rows][:, has_values], sample.direction[rows], sample.fwd_iv_rank[rows],
    )  # fmt: skip
    shape = {"max_depth": 2, "learning_rate": 0.03}
    light = {"n_estimators": 100, "num_leaves": 4, "max_bin": 63, "n_jobs": 1, "verbose": -1}
    hist = {"max_iter": 100, "max_bins": 63, "early_stopping": False}
    with threadpool_limits(1):
        return {
            "scikit-learn HistGradientBoosting": (
                cpu(lambda: HistGradientBoostingClassifier(**shape, **hist).fit(inputs, target)),
                cpu(lambda: HistGradientBoostingRegressor(**shape, **hist).fit(inputs, change)),
            ),
            "LightGBM": (
                cpu(lambda: lightgbm.LGBMClassifier(**shape, **light).fit(inputs, target)),
                cpu(lambda: lightgbm.LGBMRegressor(**shape, **light).fit(inputs, change)),
            ),
        }


def shipped(data: Dataset) -> tuple[float, float]:
    seconds = []
    for model in (ScaledDirection(), ChangeVolatility()):
        rows = data.sample.take(model.trainable(data.sample))
        seconds.append(cpu(lambda model=model, rows=rows: model.fit(rows)))
    return seconds[0], seconds[1]


def folds_per_second(data: Dataset, workers: int, end: date) -> float:
    began = time.perf_counter()
    walk = walk_forward(
        ScaledDirection(), data,
        start=date(end.year - 2, 1, 1), end=end, store=MemoryStore(), workers=workers,
    )  # fmt: skip
    return len(walk.artifacts) / (time.perf_counter() - began)


def garch(bars: object, days: int) -> tuple[float, float]:
    """CPU seconds per month: with one fit, and with a fit per session as usual with `arch`."""
    from arch import arch_model

    good = good_bars(bars).filter(ticker="AAA").tail(1030)
    returns = 100.0 * good["log_return"].drop_nulls().to_numpy()

    def daily() -> None:
        for day in range(days):
            window = returns[: 1008 - days + day]
            arch_model(window, mean="Constant", vol="GARCH", p=1, q=1).fit(disp="off")

    began = time.process_time()
    _, new_fits = fit_missing(good, GARCH_PARAMS.empty(), workers=1)
    monthly = (time.process_time() - began) / max(1, new_fits.height)
    began = time.process_time()
    daily()
    return monthly, time.process_time() - began


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=15)
    options = parser.parse_args()
    end = date(2017, 12, 29)
    start = sessions(date(end.year - options.years + 1, 1, 1), end)[0]
    data, bars = make_data(start, end)
    print(f"{len(data.sample)} rows x {len(data.sample.names)} inputs, CPU seconds per fold")
    print(f"{'':34} {'direction':>10} {'IV rank':>8}")
    ours = shipped(data)
    print(f"{'options-platform (all its parts)':34} {ours[0]:10.3f} {ours[1]:8.3f}")
    for name, theirs in peers(data).items():
        ratio = theirs[0] / ours[0], theirs[1] / ours[1]
        print(
            f"{name:34} {theirs[0]:10.3f} {theirs[1]:8.3f}   "
            f"{ratio[0]:.1f} and {ratio[1]:.1f} times ours"
        )
    one, two = (folds_per_second(data, workers, end) for workers in (1, 2))
    print(f"folds per second: {one:.1f} with 1 process, {two:.1f} with 2 (ratio {two / one:.2f})")
    monthly, daily = garch(bars, 21)
    print(
        f"GARCH for a month: {monthly:.3f} s fitted once, {daily:.3f} s fitted daily "
        f"(ratio {daily / monthly:.0f})"
    )


if __name__ == "__main__":
    main()
