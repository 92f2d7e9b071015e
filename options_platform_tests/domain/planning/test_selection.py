"""The seed plan's section 5.1 as a table, its holes as the contract fills them, and 5.3."""

import polars as pl
import pytest

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.planning.reasons import REASONS
from options_platform.domain.planning.selection import SelectionRules, select_strategies, upper_part

CONDORS = SelectionRules()
WITHOUT_CONDORS = SelectionRules(iron_condor_enabled=False)
DIRECTIONS = ("bullish", "bearish", "neutral")

# (regime, direction, IV rank below one half): strategy, or the code of the refusal.
BULL_DEBIT, BEAR_DEBIT = "bull_call_spread", "bear_put_spread"
BULL_CREDIT, BEAR_CREDIT = "bull_put_spread", "bear_call_spread"
TABLE = {
    ("low_vol", "bullish"): (BULL_DEBIT, BULL_DEBIT),
    ("low_vol", "bearish"): (BEAR_DEBIT, BEAR_DEBIT),
    ("low_vol", "neutral"): ("NO_EDGE", "NO_EDGE"),
    ("high_vol", "bullish"): (BULL_CREDIT, BULL_CREDIT),
    ("high_vol", "bearish"): (BEAR_CREDIT, BEAR_CREDIT),
    ("high_vol", "neutral"): ("iron_condor", "iron_condor"),
    ("iv_contraction", "bullish"): (BULL_CREDIT, BULL_CREDIT),
    ("iv_contraction", "bearish"): (BEAR_CREDIT, BEAR_CREDIT),
    ("iv_contraction", "neutral"): ("iron_condor", "iron_condor"),
    ("iv_expansion", "bullish"): (BULL_DEBIT, BULL_DEBIT),
    ("iv_expansion", "bearish"): (BEAR_DEBIT, BEAR_DEBIT),
    ("iv_expansion", "neutral"): ("NO_EDGE", "NO_EDGE"),
    ("neutral", "bullish"): (BULL_DEBIT, BULL_CREDIT),
    ("neutral", "bearish"): (BEAR_DEBIT, BEAR_CREDIT),
    ("neutral", "neutral"): ("NO_EDGE", "NO_EDGE"),
}


def rows(**changes):
    values = {
        "bad_reason": None,
        "vix": 18.0,
        "iv_close": 18.0,
        "regime": "low_vol",
        "direction": "bullish",
        "p_bearish": 0.1,
        "p_neutral": 0.2,
        "p_bullish": 0.7,
        "call_rank": 1.0,
        "earlier_calls": 60,
        "iv_rank": 0.4,
        "iv_rank_change_pred": 0.0,
    } | changes
    texts = ("bad_reason", "regime", "direction")
    schema = {name: pl.String if name in texts else pl.Float64 for name in values}
    schema["earlier_calls"] = pl.Int32
    return pl.DataFrame([values], schema=schema)


def select(rules=CONDORS, **changes):
    return select_strategies(rows(**changes), rules).row(0, named=True)


def answer(rules=CONDORS, **changes):
    row = select(rules, **changes)
    return row["refusal"] or row["strategy"]


def sure(direction):
    return {"direction": direction} | {
        f"p_{name}": 0.8 if name == direction else 0.1 for name in DIRECTIONS
    }


def test_the_table_holds_every_regime_and_direction():
    assert set(TABLE) == {(regime, direction) for regime in REGIMES for direction in DIRECTIONS}


@pytest.mark.parametrize(("iv_rank", "column"), [(0.4, 0), (0.4999, 0), (0.5, 1), (0.65, 1)])
@pytest.mark.parametrize(("regime", "direction"), TABLE)
def test_the_matrix(regime, direction, iv_rank, column):
    found = answer(regime=regime, iv_rank=iv_rank, **sure(direction))
    assert found == TABLE[regime, direction][column]


@pytest.mark.parametrize("regime", ["high_vol", "iv_contraction"])
def test_condors_are_traded_unless_switched_off(regime):
    assert answer(regime=regime, **sure("neutral")) == "iron_condor"
    assert answer(WITHOUT_CONDORS, regime=regime, **sure("neutral")) == "IRON_CONDOR_DISABLED"
    # Switching them off leaves everything else as it is.
    for direction in ("bullish", "bearish"):
        assert answer(WITHOUT_CONDORS, regime=regime, **sure(direction)) == answer(
            regime=regime, **sure(direction)
        )


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        # A forecast fall of the IV rank forbids buying premium, a rise selling it; bounds pass.
        ({"iv_rank_change_pred": -0.0501}, "VOL_VETO_DEBIT"),
        ({"iv_rank_change_pred": -0.05}, BULL_DEBIT),
        ({"iv_rank_change_pred": 0.9}, BULL_DEBIT),
        # The regime's own condition makes the forecast fall there.
        ({"regime": "iv_expansion", "iv_rank_change_pred": -0.9}, BULL_DEBIT),
        ({"regime": "neutral", "iv_rank_change_pred": -0.0501}, "VOL_VETO_DEBIT"),
        ({"regime": "high_vol", "iv_rank_change_pred": 0.0501}, "VOL_VETO_CREDIT"),
        ({"regime": "high_vol", "iv_rank_change_pred": 0.05}, BULL_CREDIT),
        ({"regime": "high_vol", "iv_rank_change_pred": -0.9}, BULL_CREDIT),
        (
            {"regime": "high_vol", "iv_rank_change_pred": 0.06, **sure("neutral")},
            "VOL_VETO_CREDIT",
        ),
    ],
)
def test_the_volatility_forecast_vetoes(changes, wanted):
    assert answer(**changes) == wanted


def test_the_regimes_in_which_a_forecast_vetoes_debits_are_a_setting():
    everywhere = SelectionRules(veto_debit_regimes=REGIMES)
    falls = {"regime": "iv_expansion", "iv_rank_change_pred": -0.06}
    assert answer(everywhere, **falls) == "VOL_VETO_DEBIT"
    assert answer(SelectionRules(veto_debit_regimes=()), iv_rank_change_pred=-0.06) == BULL_DEBIT
    # The veto of credits holds in every regime.
    credit = SelectionRules(strategy="bull_put_spread", veto_debit_regimes=())
    assert answer(credit, regime="iv_expansion", iv_rank_change_pred=0.06) == "VOL_VETO_CREDIT"
    with pytest.raises(ValueError, match="veto_debit_regimes: calm is none of low_vol"):
        SelectionRules(veto_debit_regimes=("calm",))


@pytest.mark.parametrize(
    ("regime", "rank", "wanted"),
    [
        ("neutral", 0.66, "LOW_CONFIDENCE"),
        ("neutral", 2 / 3, BULL_DEBIT),
        ("neutral", 40 / 60, BULL_DEBIT),
        ("neutral", 1.0, BULL_DEBIT),
        ("neutral", None, "LOW_CONFIDENCE"),
        ("neutral", float("nan"), "LOW_CONFIDENCE"),
        ("low_vol", 0.0, BULL_DEBIT),  # elsewhere the regime is the edge
        ("high_vol", None, BULL_CREDIT),
    ],
)
def test_only_the_neutral_regime_asks_for_a_call_in_the_upper_third(regime, rank, wanted):
    assert answer(regime=regime, call_rank=rank) == wanted


def test_59_earlier_calls_are_too_few_and_60_are_enough():
    assert answer(regime="neutral", earlier_calls=59) == "LOW_CONFIDENCE"
    assert answer(regime="neutral", earlier_calls=None) == "LOW_CONFIDENCE"
    assert answer(regime="neutral", earlier_calls=60) == BULL_DEBIT
    assert answer(SelectionRules(fewest_calls=43), regime="neutral", earlier_calls=43) == BULL_DEBIT


def test_the_share_of_confident_calls_is_a_setting():
    half = SelectionRules(confident_share=0.5)
    assert answer(half, regime="neutral", call_rank=0.5) == BULL_DEBIT
    assert answer(half, regime="neutral", call_rank=0.49) == "LOW_CONFIDENCE"
    # With all of them, the least probable call is confident too.
    assert (
        answer(SelectionRules(confident_share=1.0), regime="neutral", call_rank=0.0) == BULL_DEBIT
    )


def test_a_constant_probability_replaces_the_level():
    rules = SelectionRules(min_probability=0.5)
    for p, wanted in ((0.4999, "LOW_CONFIDENCE"), (0.5, BULL_DEBIT)):
        rest = (1 - p) / 2
        classes = {"p_bullish": p, "p_neutral": rest, "p_bearish": rest}
        for rank in (0.0, 1.0, None):
            assert answer(rules, regime="neutral", call_rank=rank, **classes) == wanted


def test_a_call_that_is_not_sure_says_what_would_do():
    assert select(regime="neutral", call_rank=0.41, earlier_calls=212)["needs"] == (
        "a rank of 0.6667 among 212 earlier calls; it is 0.41"
    )
    assert select(regime="neutral", earlier_calls=43)["needs"] == (
        "60 earlier directional calls of this model; 43 are stored"
    )
    constant = SelectionRules(min_probability=0.75)
    assert select(constant, regime="neutral")["needs"] == "at least 0.75 in the neutral regime"


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"regime": "neutral"}, True),
        ({"regime": "neutral", "call_rank": 0.5}, False),
        ({"regime": "low_vol"}, False),
        ({"regime": "neutral", "direction": "neutral"}, False),
        ({"regime": None, "direction": None}, False),
    ],
)
def test_a_row_says_whether_it_trades_because_the_call_is_confident(changes, wanted):
    assert select(**changes)["confident_call"] is wanted
    # A constant probability is no level.
    assert select(SelectionRules(min_probability=0.5), **changes)["confident_call"] is False


@pytest.mark.parametrize(
    ("share", "words"),
    [(1 / 3, "upper third"), (0.3333333, "upper third"), (0.25, "upper quarter"),
     (0.4, "upper 40%"), (1.0, "upper 100%")],
)  # fmt: skip
def test_a_share_is_put_in_words(share, words):
    assert upper_part(share) == words


@pytest.mark.parametrize(
    ("setting", "value"),
    [("confident_share", 0.0), ("confident_share", 1.1), ("fewest_calls", 0),
     ("min_probability", 1.5)],
)  # fmt: skip
def test_a_level_that_means_nothing_is_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        SelectionRules(**{setting: value})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bad_reason": "nan_price"}, "BAD_BAR"),
        ({"vix": None}, "NO_VIX"),
        ({"vix": float("nan")}, "NO_VIX"),
        ({"iv_close": None}, "NO_VIX"),
        ({"iv_close": float("nan")}, "NO_VIX"),
        ({"regime": None, "iv_rank": None}, "NO_REGIME"),
        ({"direction": None, "p_bullish": None}, "NO_PREDICTION"),
        ({"iv_rank_change_pred": None}, "NO_PREDICTION"),
        ({"iv_rank_change_pred": float("nan")}, "NO_PREDICTION"),
    ],
)
def test_what_is_unknown_never_trades(changes, code):
    row = select(**changes)
    assert row["refusal"] == code
    assert row["strategy"] == "none"
    assert code in REASONS


def test_the_first_refusal_that_applies_is_given():
    every = {"bad_reason": "missing", "vix": None, "regime": None, "direction": None}
    codes = ["BAD_BAR", "NO_VIX", "NO_REGIME", "NO_PREDICTION"]
    known = rows().row(0, named=True)
    for name, code in zip(list(every), codes, strict=True):
        assert answer(**every) == code
        every[name] = known[name]
    assert answer(**every) == BULL_DEBIT


# Section 5.3: the regime's base, 7 less above a rank of 0.7, 7 more below 0.3, within 14 to 45.
DTE = {
    "low_vol": (37, 30, 23),
    "high_vol": (28, 21, 14),
    "iv_contraction": (28, 21, 14),
    "iv_expansion": (45, 45, 38),
    "neutral": (37, 30, 23),
}


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize(
    ("iv_rank", "column"), [(0.0, 0), (0.29, 0), (0.3, 1), (0.5, 1), (0.7, 1), (0.71, 2), (1.0, 2)]
)
def test_days_to_expiry_of_each_regime_and_rank(regime, iv_rank, column):
    assert select(regime=regime, iv_rank=iv_rank)["target_dte"] == DTE[regime][column]


def test_days_to_expiry_stay_inside_their_bounds_and_need_a_regime():
    rules = SelectionRules(dte_shift=20)
    assert select(rules, regime="high_vol", iv_rank=0.9)["target_dte"] == 14
    assert select(rules, regime="iv_expansion", iv_rank=0.1)["target_dte"] == 45
    assert select(regime=None)["target_dte"] is None


def test_a_row_is_selected_as_it_is_alone():
    frame = pl.concat(
        rows(regime=regime, iv_rank=rank, **sure(direction))
        for regime, direction in TABLE
        for rank in (0.2, 0.6)
    )
    together = select_strategies(frame, CONDORS)
    alone = pl.concat(select_strategies(frame[n : n + 1], CONDORS) for n in range(frame.height))
    assert together.equals(alone)


def test_one_strategy_replaces_the_matrix_whatever_is_predicted():
    regimes = ["neutral", "high_vol", "low_vol", None, "high_vol"]
    called = ["bullish", "bearish", "neutral", "bullish", None]
    some = pl.concat(
        rows(regime=regime, direction=direction, p_bullish=0.3)
        for regime, direction in zip(regimes, called, strict=True)
    )
    fixed = select_strategies(some, SelectionRules(strategy="bull_put_spread"))
    assert fixed["strategy"].to_list() == ["bull_put_spread"] * 3 + ["none"] * 2
    assert fixed["refusal"].to_list() == [None] * 3 + ["NO_REGIME", "NO_PREDICTION"]
    # Naming condors allows them; the vetoes of the volatility forecast still hold.
    condors = SelectionRules(strategy="iron_condor", veto_credit_above=-1.0)
    assert select_strategies(some, condors)["refusal"].to_list()[:3] == ["VOL_VETO_CREDIT"] * 3


def test_a_strategy_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="strategy is matrix or one of bull_call_spread"):
        SelectionRules(strategy="bull_put")


@pytest.mark.parametrize("strategy", ["matrix", "bull_put_spread"])
def test_only_the_predictions_that_are_named_are_traded(strategy):
    rules = SelectionRules(strategy=strategy, directions=("bullish",))
    assert select(rules, regime="high_vol")["strategy"] == "bull_put_spread"
    refused = select(rules, regime="high_vol", direction="bearish")
    assert refused["refusal"] == "NO_EDGE"
    assert refused["needs"] == "a bullish prediction in high_vol"
    every = SelectionRules(strategy=strategy, directions=DIRECTIONS)
    for direction in DIRECTIONS:
        changes = {"regime": "high_vol", "direction": direction}
        assert select(every, **changes) == select(SelectionRules(strategy=strategy), **changes)


@pytest.mark.parametrize("directions", [(), ("up",)])
def test_directions_that_are_none_or_unknown_are_refused(directions):
    with pytest.raises(ValueError, match="directions are some of bullish, bearish, neutral"):
        SelectionRules(directions=directions)
