from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.contracts import GARCH_PARAMS
from options_platform.contracts.regimes import REGIMES
from options_platform.domain.feature_engine.compute import compute_features
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.domain.features.registry import FEATURES, feature_version
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.testing.look_ahead import truncation_differences
from options_platform.testing.market import random_market
from options_platform_tests.domain.features.reference import reference_features

MARKET = random_market()


RULE_INPUTS = {
    "har_rv_21", "har_rv_rank", "vrp", "vrp_percentile", "vix_to_mean_10", "vix_to_vix3m",
    "vix9d_to_vix",
}  # fmt: skip


def premium_of(vix):
    """Other tenors and variances at the money, made from the indices of the same rows."""
    return vix.select(
        "date",
        "ticker",
        vix9d=0.93 * pl.col("vix") + 0.5,
        vix3m=0.8 * pl.col("vix") + 4.0,
        atm_variance=(0.9 * pl.col("iv_close") / 100.0) ** 2,
    )


def compute(bars, vix):
    return compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules(), premium_of(vix))


def assert_equal_to_reference(bars, vix):
    computed = compute(bars, vix)
    for ticker in bars["ticker"].unique().sort():
        mine = pl.col("ticker") == ticker
        rows = computed.filter(mine)
        frames = (frame.filter(mine).to_pandas() for frame in (bars, vix, premium_of(vix)))
        wanted = reference_features(*frames)
        missing = {f.name for f in FEATURES} - set(wanted) - {"garch_forecast"}
        assert not missing, f"features without a reference: {missing}"
        for name, values in wanted.items():
            series = rows[name]
            if series.dtype == pl.String:
                assert series.to_list() == [None if v is None else str(v) for v in values], name
                continue
            feature_values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
            wrong = ~np.isclose(
                feature_values, values.astype(float), rtol=1e-9, atol=1e-9, equal_nan=True
            )
            where = np.flatnonzero(wrong)[:3]
            assert not wrong.any(), (
                f"{ticker} {name}: {feature_values[where]} is not {values[where]}"
            )


def test_every_feature_equals_its_slow_reference_on_a_random_market():
    assert_equal_to_reference(*MARKET)


def test_forecasts_and_their_ranks_equal_the_reference_over_five_years():
    assert_equal_to_reference(*random_market(("AAA",), end=date(2019, 12, 31), seed=4))


@pytest.mark.long
def test_every_feature_equals_its_slow_reference_on_25_real_years(real_market):
    assert_equal_to_reference(*real_market)


def test_talib_agrees_where_it_uses_the_same_definition():
    talib = pytest.importorskip("talib")
    bars, vix = (frame.filter(pl.col("ticker") == "AAA") for frame in MARKET)
    rows, close = compute(bars, vix), bars["close"].to_numpy()
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2)
    pairs = {
        "sma_50": talib.SMA(close, 50),
        "sma_20": middle,
        "bb_upper": upper,
        "bb_lower": lower,
        "rsi_14": talib.RSI(close, 14),
        "high_52w": talib.MAX(bars["high"].to_numpy(), 252),
    }
    for name, wanted in pairs.items():
        computed = rows[name].fill_null(float("nan")).to_numpy()
        np.testing.assert_allclose(computed, wanted, rtol=1e-9, err_msg=name)


def test_wilders_rsi_reproduces_the_published_example():
    # StockCharts ChartSchool, "Relative Strength Index", worked table cs-rsi.xls (QQQQ closes).
    closes = [
        44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.10, 45.42, 45.84, 46.08, 45.89, 46.03,
        45.61, 46.28, 46.28, 46.00, 46.03, 46.41, 46.22, 45.64,
    ]  # fmt: skip
    bars, vix = (f.filter(pl.col("ticker") == "AAA").head(len(closes)) for f in MARKET)
    bars = bars.with_columns(
        close=pl.Series(closes), high=pl.Series(closes) + 1, low=pl.Series(closes) - 1
    )
    rsi = compute(bars, vix)["rsi_14"].to_list()
    assert rsi[:14] == [None] * 14
    # The published table rounds its closes; 70.53, 66.32, 66.55, 69.41, 66.36, 57.97.
    assert rsi[14:] == pytest.approx([70.53, 66.32, 66.55, 69.41, 66.36, 57.97], abs=0.1)


def test_hand_worked_rows():
    bars, vix = (f.filter(pl.col("ticker") == "AAA").head(26) for f in MARKET)
    closes = [100.0 + n for n in range(26)]
    bars = bars.with_columns(
        close=pl.Series(closes), high=pl.Series(closes) * 1.02, low=pl.Series(closes) * 0.98
    )
    last = compute(bars, vix).row(-1, named=True)
    assert last["sma_20"] == pytest.approx(115.5)  # mean of 106..125
    assert last["returns_5d"] == pytest.approx(125 / 120 - 1)
    # Population standard deviation of 20 consecutive integers: sqrt((20^2 - 1) / 12).
    assert last["bb_upper"] == pytest.approx(115.5 + 2 * (399 / 12) ** 0.5)
    assert last["rsi_14"] == 100.0  # no losses
    # Parkinson with a constant ratio: ln(1.02/0.98) sqrt(252 / (4 ln 2)).
    assert last["parkinson_hv"] == pytest.approx(
        np.log(1.02 / 0.98) * np.sqrt(252 / (4 * np.log(2)))
    )


def test_constant_prices_have_zero_deviation_and_null_ratios():
    bars, vix = MARKET
    flat = {name: pl.lit(50.0) for name in ("open", "high", "low", "close")}
    rows = compute(bars.with_columns(**flat), vix).filter(pl.col("ticker") == "AAA")
    last = rows.row(-1, named=True)
    assert last["hv_20"] == 0.0
    assert last["parkinson_hv"] == 0.0
    assert last["bb_width"] == 0.0
    assert last["bb_position"] is None
    assert last["hv_ratio_5_20"] is None
    assert last["rsi_14"] is None or last["rsi_14"] == 50.0


def test_a_bar_set_aside_has_null_features_and_later_windows_skip_it():
    bars, vix = (f.filter(pl.col("ticker") == "AAA") for f in MARKET)
    day = bars["date"][300]
    bad = pl.col("date") == day
    holed = bars.with_columns(
        pl.when(~bad).then(pl.col(name)).alias(name) for name in ("open", "high", "low", "close")
    )
    rows = compute(holed, vix)
    at = rows.filter(bad).row(0, named=True)
    assert all(at[f.name] is None for f in FEATURES)
    without_bad_bars = compute(bars.filter(~bad), vix.filter(~bad))
    after = rows.filter(pl.col("date") > day)
    names = ["sma_20", "hv_20", "rsi_14", "macd_signal"]
    kept = without_bad_bars.filter(pl.col("date") > day)
    assert after.select(names).equals(kept.select(names))


def test_missing_volatility_gives_no_regime_and_never_high_vol():
    bars, vix = MARKET
    for unknown in (None, float("nan")):
        gap = pl.col("date") == bars["date"].max()
        holed = vix.with_columns(
            pl.when(gap).then(pl.lit(unknown, pl.Float64)).otherwise(pl.col(n)).alias(n)
            for n in ("vix", "iv_close")
        )
        last = compute(bars, holed).filter(gap)
        assert last["regime"].to_list() == [None, None]
        assert last["regime_high_vol"].to_list() == [None, None]
        if unknown is None:
            assert last["vix_above_25"].to_list() == [None, None]


@given(at=st.integers(1, 750))
@settings(max_examples=5, deadline=None)
def test_features_do_not_change_when_later_data_is_deleted(at):
    bars, vix = MARKET
    cut = bars["date"].unique().sort()[at]
    changed = truncation_differences(compute, cut, bars, vix)
    assert changed.is_empty(), changed


def test_a_feature_that_looks_ahead_is_detected():
    bars, vix = MARKET

    def peeking(bars, vix):
        tomorrow = pl.col("close").shift(-1).over("ticker", order_by="date")
        shown = bars.select("date", "ticker", rsi_14=tomorrow)
        return compute(bars, vix).drop("rsi_14").join(shown, on=["date", "ticker"])

    changed = truncation_differences(peeking, bars["date"].unique().sort()[400], bars, vix)
    assert changed["column"].unique().to_list() == ["rsi_14"]


def test_features_do_not_depend_on_other_tickers_row_order_or_chunks():
    bars, vix = MARKET
    whole = compute(bars, vix)
    alone = pl.concat(
        [
            compute(bars.filter(pl.col("ticker") == t), vix.filter(pl.col("ticker") == t))
            for t in ("BBB", "AAA")
        ]
    ).sort("date", "ticker")
    assert whole.equals(alone)
    pieces = pl.concat([bars[400:], bars[:400]], rechunk=False)
    assert whole.equals(compute(pieces, vix.sample(fraction=1.0, shuffle=True, seed=3)))


def test_features_satisfy_their_contract_and_carry_their_version():
    rows = compute(*MARKET)
    FEATURES_TABLE.validate(rows)
    assert rows["feature_version"].unique().to_list() == [feature_version()]


def test_all_55_specified_features_exist():
    families = {"technical": 25, "volatility": 20, "regime": 10}
    encoded = {"regime_low_vol", "regime_high_vol", "regime_iv_expansion"}
    encoded |= {"regime_iv_contraction", "regime_neutral"}
    counts = dict.fromkeys(families, 0)
    for feature in FEATURES:
        if feature.name not in encoded | RULE_INPUTS and feature.name != "iv_rank":
            counts[feature.family] += 1
    # The specified `regime_encoded` is stored as five flags.
    assert counts | {"regime": counts["regime"] + 1} == families


def test_no_price_level_is_shown_to_models():
    levels = {"sma_20", "sma_50", "sma_200", "ema_12", "ema_26", "macd", "bb_upper", "high_52w"}
    assert not levels & {feature.name for feature in FEATURES if feature.model}


def test_no_model_sees_the_inputs_of_votes():
    declared = {feature.name: feature for feature in FEATURES}
    assert not any(declared[name].model for name in RULE_INPUTS)
    assert not RULE_INPUTS & set(FEATURES_TABLE.fixed_columns)


def test_a_report_is_no_part_of_the_ratio_and_the_rank_that_the_regime_reads():
    bars, vix = random_market(("AAA", "SPY"), end=date(2017, 12, 29))
    stock = pl.col("ticker") == "AAA"
    reports = bars.filter(stock).select(
        "date", "ticker", hv_20x=pl.lit(0.3), iv_ex_earnings=pl.lit(0.2), iv_rank_ex=pl.lit(0.9)
    )
    reports = reports.with_columns(
        iv_ex_earnings=pl.when(pl.col("date") >= date(2017, 6, 1)).then("iv_ex_earnings")
    )
    plain, without = (
        compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules(), None, rows)
        for rows in (None, reports)
    )
    assert without.filter(~stock).equals(plain.filter(~stock))
    last = without.filter(stock).row(-1, named=True)
    assert last["hv_iv_ratio"] == pytest.approx(1.5)
    assert last["regime"] == "high_vol"
    assert last["iv_rank"] == plain.filter(stock)["iv_rank"][-1]
    # Where the implied volatility without the report is not known, the index is divided by.
    earlier = pl.col("date") == date(2017, 5, 31)
    index = vix.filter(stock & earlier)["iv_close"].item() / 100.0
    assert without.filter(stock & earlier)["hv_iv_ratio"].item() == pytest.approx(0.3 / index)
    changed = {
        name for name in plain.columns if not plain[name].equals(without[name], null_equal=True)
    }
    assert changed <= {
        "hv_iv_ratio", "hv_iv_contraction", "hv_iv_expansion", "regime", "days_in_regime",
        "regime_change_1w", *(f"regime_{name}" for name in REGIMES),
    }  # fmt: skip


def test_without_other_tenors_only_what_rests_on_them_is_null():
    bars, vix = random_market(("AAA",), end=date(2019, 12, 31))
    whole = compute(bars, vix)
    short = compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())
    missing = {"vrp", "vrp_percentile", "vix_to_vix3m", "vix9d_to_vix"}
    kept = [name for name in whole.columns if name not in missing]
    assert short.select(kept).equals(whole.select(kept))
    assert short.select(missing).null_count().row(0) == (short.height,) * len(missing)
    assert whole.tail(1).select(RULE_INPUTS).null_count().row(0) == (0,) * len(RULE_INPUTS)
