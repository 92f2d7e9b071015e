import numpy as np
import polars as pl
import pytest

from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.feature_engine.compute import good_bars
from options_platform.domain.feature_engine.garch import fit_missing, garch_forecasts
from options_platform.testing.market import random_market


@pytest.fixture(scope="module")
def bars():
    return good_bars(random_market(("AAA",))[0])


@pytest.fixture(scope="module")
def fits(bars):
    return fit_missing(bars, GARCH_PARAMS.empty(), workers=1)[0]


def window_before(bars, month):
    before = bars.filter(pl.col("date").dt.strftime("%Y-%m") < month)
    return 100 * before["log_return"].drop_nulls().to_numpy()[-1008:]


def test_parameters_equal_the_fit_of_arch(bars, fits):
    from arch import arch_model

    row = fits.row(3, named=True)
    returns = window_before(bars, row["month"])
    wanted = arch_model(returns, mean="Constant", vol="GARCH", p=1, q=1, rescale=False).fit(
        disp="off"
    )
    assert [row[n] for n in ("mu", "omega", "alpha", "beta")] == list(wanted.params)


def test_the_forecast_equals_that_of_arch_with_fixed_parameters(bars, fits):
    from arch import arch_model

    forecasts = garch_forecasts(bars, fits)
    row = fits.row(3, named=True)
    in_month = bars.filter(pl.col("date").dt.strftime("%Y-%m") == row["month"])
    params = np.array([row[n] for n in ("mu", "omega", "alpha", "beta")])
    start = len(window_before(bars, row["month"]))
    every = 100 * bars["log_return"].drop_nulls().to_numpy()
    first = bars.filter(pl.col("date").dt.strftime("%Y-%m") < row["month"]).height - 1
    for n, day in enumerate(in_month["date"].to_list()):
        series = every[first - start : first + n + 1]
        fixed = arch_model(series, mean="Constant", vol="GARCH", p=1, q=1, rescale=False).fix(
            params
        )
        variance = fixed.forecast(horizon=5, reindex=False).variance.to_numpy()[-1]
        wanted = np.sqrt(variance.mean() * 252) / 100
        forecast = forecasts.filter(pl.col("date") == day)["garch_forecast"].item()
        assert forecast == pytest.approx(wanted, rel=1e-9)


def test_there_is_no_forecast_before_504_returns(bars, fits):
    forecasts = garch_forecasts(bars, fits)
    with_forecast = forecasts.filter(pl.col("garch_forecast").is_not_null())
    first = with_forecast["date"].min()
    before = bars.filter(pl.col("date").dt.month_start() < pl.lit(first).dt.month_start())
    assert before["log_return"].drop_nulls().len() >= 504


def test_stored_fits_are_reused_and_a_restated_past_is_fitted_again(bars, fits):
    again, new = fit_missing(bars, fits, workers=1)
    assert new.is_empty()
    assert again.equals(fits)
    restated = bars.with_columns(
        log_return=pl.when(pl.col("date") == bars["date"][50])
        .then(pl.col("log_return") + 0.01)
        .otherwise(pl.col("log_return"))
    )
    _, new = fit_missing(restated, fits, workers=1)
    assert new.height == fits.height


def test_fits_do_not_depend_on_later_bars(bars, fits):
    early = bars.filter(pl.col("date") <= bars["date"][600])
    short = fit_missing(early, GARCH_PARAMS.empty(), workers=1)[0]
    assert short.height >= 1
    assert fits.head(short.height).equals(short)


@pytest.mark.parametrize(
    ("returns", "status"),
    [
        # Like a stock under a takeover offer: returns are only rounding of its adjusted prices.
        (np.random.default_rng(1).normal(size=700) * 1e-11, "not converged"),
        (np.zeros(700), "the returns are constant"),
    ],
)
def test_a_failed_fit_gives_its_reason_and_no_forecast(bars, returns, status):
    odd = bars.head(len(returns)).with_columns(ticker=pl.lit("ODD"), log_return=pl.Series(returns))
    both = pl.concat([bars, odd])
    params, new = fit_missing(both, GARCH_PARAMS.empty(), workers=1)
    failed = params.filter(ticker="ODD")
    assert failed.height > 0
    assert failed["status"].str.starts_with(status).all()
    forecasts = garch_forecasts(both, params)
    assert forecasts.filter(ticker="ODD")["garch_forecast"].is_null().all()
    assert forecasts.filter(ticker="AAA")["garch_forecast"].count() > 0
    # A failed fit is stored as failed and not repeated every day.
    again, fitted = fit_missing(both, new, workers=1)
    assert fitted.is_empty()
    assert again.equals(params)
