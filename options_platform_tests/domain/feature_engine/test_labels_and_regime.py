from datetime import date

import polars as pl
import pytest

from options_platform.contracts import LABELS, REGIME
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.feature_engine.label_rules import LabelRules
from options_platform.domain.feature_engine.labels import compute_labels
from options_platform.domain.feature_engine.regime import (
    RegimeRules,
    compute_regime,
    regime_transitions,
)
from options_platform.testing.look_ahead import truncation_differences
from options_platform.testing.market import random_market

MARKET = random_market(("AAA",))


def with_closes(closes):
    bars, vix = (frame.head(len(closes)) for frame in MARKET)
    return bars.with_columns(close=pl.Series(closes, dtype=pl.Float64)), vix


@pytest.mark.parametrize(
    ("close", "direction"),
    [(101.0, "neutral"), (101.01, "bullish"), (99.0, "neutral"), (98.99, "bearish")],
)
def test_exactly_one_percent_is_neutral(close, direction):
    rows = compute_labels(*with_closes([100.0] * 5 + [close]))
    assert rows["direction"][0] == direction
    assert rows["fwd_return_5d"][0] == pytest.approx(close / 100 - 1)


def test_a_label_is_known_five_sessions_later_over_holidays():
    rows = compute_labels(*with_closes([100.0] * 30))
    known_on_by_date = dict(rows.select("date", "known_on").iter_rows())
    assert known_on_by_date[date(2015, 1, 14)] == date(
        2015, 1, 22
    )  # Martin Luther King day is the 19th
    assert rows["direction"].null_count() == 5


def test_forward_volatility_worked_by_hand():
    rows = compute_labels(*with_closes([100.0, 110.0, 110.0, 110.0, 110.0, 110.0]))
    # One log return of ln 1.1 among five: sqrt(252 x ln(1.1)^2 / 5).
    assert rows["fwd_rv_5d"][0] == pytest.approx(0.09531018 * (252 / 5) ** 0.5)


def test_labels_satisfy_their_contract_and_only_the_last_five_depend_on_later_data():
    bars, vix = MARKET
    LABELS.validate(compute_labels(bars, vix))
    days = bars["date"].to_list()
    changed = truncation_differences(compute_labels, days[400], bars, vix)
    assert set(changed["date"].to_list()) <= set(days[396:401])


def scaled(bars, vix, reports=None):
    return compute_labels(bars, vix, scaled=("AAA",), reports=reports)


def test_the_neutral_band_of_a_stock_is_its_own_volatility_at_the_close():
    bars, vix = MARKET
    rows, fixed = scaled(bars, vix), compute_labels(bars, vix)
    LABELS.validate(rows)
    returns = (bars["close"] / bars["close"].shift()).log()[41:101]
    band = 0.42 * returns.std() * 5**0.5
    row = rows.row(100, named=True)
    assert row["neutral_band"] == pytest.approx(band)
    over, under = row["fwd_return_5d"] > band, row["fwd_return_5d"] < -band
    assert row["direction"] == ("bullish" if over else "bearish" if under else "neutral")
    # Without 60 returns there is no band, and no class.
    assert rows["neutral_band"].null_count() == rows["direction"][:60].null_count() == 60
    assert fixed["neutral_band"].null_count() == fixed.height
    assert rows.drop("neutral_band", "direction").equals(fixed.drop("neutral_band", "direction"))
    wider = compute_labels(bars, vix, LabelRules(sigmas=0.84), scaled=("AAA",))
    assert wider["neutral_band"][100] == pytest.approx(2 * band)


def test_the_band_of_a_day_rests_on_nothing_after_it():
    bars, vix = MARKET
    days = bars["date"].to_list()
    changed = truncation_differences(scaled, days[400], bars, vix)
    assert set(changed["date"].to_list()) <= set(days[396:401])
    short = scaled(bars.head(400), vix.head(400))
    assert short["neutral_band"].equals(scaled(bars, vix)["neutral_band"].head(400))


def test_the_reaction_within_five_sessions_is_left_out_as_the_fifth_close_knew_it():
    bars, vix = with_closes([100.0, 101.0, 101.0, 121.0, 121.0, 121.0, 121.0, 121.0, 121.0])
    # The fourth bar is the reaction; three sessions later its date is withdrawn.
    since = [None, None, None, 0, 1, 2, None, None, None]
    reports = bars.select("date", "ticker", days_since_earnings=pl.Series(since, dtype=pl.Int32))
    rows = compute_labels(bars, vix, reports=reports)
    assert rows["reaction_in_5d"].to_list()[:4] == [True, False, False, False]
    assert rows["reaction_in_5d"].null_count() == 5
    # Of the first row's five returns one is ln 1.01, three are none and one is the reaction.
    assert rows["fwd_rv_5d_ex"][0] == pytest.approx(0.00995033 * (252 / 4) ** 0.5)
    assert rows["fwd_rv_5d"][1] == rows["fwd_rv_5d_ex"][1]
    fund = compute_labels(bars, vix)
    assert fund["reaction_in_5d"].null_count() == fund["fwd_rv_5d_ex"].null_count() == 9


def test_which_labels_are_scaled():
    tickers, stocks = ("SPY", "AAPL"), ("AAPL",)
    chosen = [LabelRules(scale=s).scaled(tickers, stocks) for s in ("auto", "fixed", "sigma")]
    assert chosen == [("AAPL",), (), tickers]
    with pytest.raises(ValueError, match="sigmas is above 0"):
        LabelRules(sigmas=0.0)


def feature_rows(regimes):
    days = sessions(date(2020, 1, 2), date(2020, 12, 31))[: len(regimes)]
    inputs = {
        "low_vol": (12.0, 0.1, 0.7),
        "high_vol": (30.0, 0.9, 0.7),
        "iv_expansion": (20.0, 0.6, 0.95),
        "iv_contraction": (20.0, 0.4, 0.5),
        "neutral": (20.0, 0.4, 0.7),
        None: (None, None, None),
    }
    rows = [(day, "SPY", *inputs[name]) for day, name in zip(days, regimes, strict=True)]
    return pl.DataFrame(
        rows,
        schema={
            "date": pl.Date,
            "ticker": pl.String,
            "vix": pl.Float64,
            "iv_rank": pl.Float64,
            "hv_iv_ratio": pl.Float64,
        },
        orient="row",
    )


def test_regimes_days_and_transitions():
    names = ["low_vol", "low_vol", "high_vol", None, "high_vol", "neutral"]
    rows = compute_regime(feature_rows(names), RegimeRules())
    REGIME.validate(rows)
    assert rows["regime"].to_list() == names
    assert rows["days_in_regime"].to_list() == [0, 1, 0, None, 0, 0]
    moves = regime_transitions(rows).select("from_regime", "to_regime").rows()
    assert ("low_vol", "high_vol") in moves
    assert ("high_vol", "neutral") in moves


@pytest.mark.parametrize(
    ("vix", "rank", "ratio", "matched"),
    [
        (15.0, 0.2, 0.7, ["neutral"]),  # low_vol needs VIX below 15
        (14.99, 0.29, 0.7, ["low_vol"]),
        (25.0, 0.8, 0.7, ["neutral"]),  # high_vol needs more than 25, or more than 80%
        (25.01, 0.1, 0.7, ["high_vol"]),
        (26.0, 0.9, 0.95, ["high_vol", "iv_expansion"]),
        (20.0, 0.49, 0.59, ["iv_contraction"]),
        (20.0, 0.5, 0.9, ["neutral"]),
    ],
)
def test_regime_rules_at_their_thresholds(vix, rank, ratio, matched):
    row = feature_rows(["neutral"]).with_columns(
        vix=pl.lit(vix), iv_rank=pl.lit(rank), hv_iv_ratio=pl.lit(ratio)
    )
    regime_row = compute_regime(row, RegimeRules()).row(0, named=True)
    assert regime_row["matched"] == matched
    assert regime_row["regime"] == matched[0]


def test_confirmation_waits_and_needs_no_future():
    names = ["low_vol", "low_vol", "high_vol", "low_vol", "high_vol", "high_vol", "high_vol"]
    rules = RegimeRules(confirmation_days=2)
    rows = compute_regime(feature_rows(names), rules)
    assert rows["regime"].to_list()[3] == "low_vol"
    assert rows["regime"].to_list()[-1] == "high_vol"
    for cut in range(1, len(names)):
        assert compute_regime(feature_rows(names[:cut]), rules).equals(rows.head(cut))


def test_the_rank_without_a_report_decides_the_regime_where_it_is_known():
    rows = feature_rows(["high_vol", "high_vol", None])
    rows = rows.with_columns(vix=pl.when(pl.col("vix").is_not_null()).then(20.0))
    reports = rows.select("date", "ticker", iv_rank_ex=pl.Series([0.4, None, 0.4]))
    found = compute_regime(rows, RegimeRules(), reports)
    assert found["regime"].to_list() == ["neutral", "high_vol", None]
