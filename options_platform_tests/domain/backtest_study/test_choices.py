import pytest

from options_platform.domain.backtest import BacktestRules
from options_platform.domain.backtest_study.choices import (
    SettingRange,
    make_variant,
    make_variants,
    parse_choices,
)
from options_platform.domain.planning.plan import PlanRules
from options_platform.errors import UsageError

PLAN, RULES = PlanRules(), BacktestRules()


def test_values_are_parsed_to_the_type_of_their_setting():
    choices = parse_choices(
        [
            "exits.credit_stop=1,2.5",
            "exits.exit_dte=7,14",
            "plan.strikes.short_delta.high_vol=0.1",
            "plan.strikes.width_mode=fixed,percent",
            "iron_condor_enabled=false,true",
            "max_risk_usd=none,500",
            "exits=none",
        ],
        PLAN,
        RULES,
    )
    assert choices["exits.credit_stop"] == [1.0, 2.5]
    assert [type(value) for value in choices["exits.exit_dte"]] == [int, int]
    assert choices["plan.strikes.short_delta.high_vol"] == [0.1]
    assert choices["plan.strikes.width_mode"] == ["fixed", "percent"]
    assert choices["iron_condor_enabled"] == [False, True]
    assert choices["max_risk_usd"] == [None, 500.0]
    assert choices["exits"] == [None]


def test_a_range_is_for_the_search_and_stays_integer_for_integer_settings():
    variants, spans = make_variants(["exits.exit_dte=5..21", "exits.credit_stop=1..3"], PLAN, RULES)
    assert spans == {"exits.exit_dte": SettingRange(5.0, 21.0, True),
                     "exits.credit_stop": SettingRange(1.0, 3.0, False)}  # fmt: skip
    assert [variant.name for variant in variants] == ["as set"]


def test_a_repeated_value_is_one_variant():
    variants, _ = make_variants(["exits.credit_stop=2,2.0,3"], PLAN, RULES)
    assert [variant.rules.exits.credit_stop for variant in variants] == [2.0, 3.0]


def test_account_settings_apply_to_the_plan_or_the_backtest_they_belong_to():
    (small,), _ = make_variants(["account_value_usd=5000"], PLAN, RULES)
    assert (small.plan.sizing.account_value_usd, small.rules.start_usd) == (5000.0, 5000.0)
    (both,), _ = make_variants(["exits.take_profit=0.25"], PLAN, RULES)
    assert both.rules.exits.credit_take_profit == both.rules.exits.debit_take_profit == 0.25
    (variant,), _ = make_variants(["backtest.assignment.enabled=false"], PLAN, RULES)
    assert variant.rules.assignment.enabled is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "exits.credit_stopp=1",
            "no setting exits.credit_stopp to vary; did you mean exits.credit_stop",
        ),
        ("exit.credit_stop=1", "did you mean exits"),
        ("iron_condor=true", "did you mean iron_condor_enabled"),
        ("exits.exit_dte=soon", "'soon': Input should be a valid integer"),
        ("exits.exit_dte", "write NAME=VALUE"),
        ("exits.exit_dte=", "write NAME=VALUE"),
        ("exits.exit_dte=9..3", "from a lower number to a higher one"),
        ("fills.model=best", "must be one of mid, default, worst"),
        ("backtest.entry_order=stop", "Input should be 'market' or 'limit'"),
        (
            "plan.sizing.allow_min_one=true",
            "no setting plan.sizing.allow_min_one to vary any more: one spread is traded",
        ),
        ("plan=1", "no setting plan to vary|Input should be"),
    ],
)
def test_a_setting_that_cannot_be_varied_is_refused_in_one_line(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        make_variants([text], PLAN, RULES)
    assert "\n" not in str(caught.value)


def test_a_value_of_several_parts_is_joined_by_a_plus():
    variants, _ = make_variants(["plan.strikes.narrower_usd=5+2,1,none"], PLAN, RULES)
    assert [v.plan.strikes.narrower_usd for v in variants] == [(5.0, 2.0), (1.0,), ()]
    # Each is named as it would be asked for again.
    for variant in variants:
        (again,), _ = make_variants([variant.name], PLAN, RULES)
        assert again == variant
    (unlimited,), _ = make_variants(["risk.gap.max_loss_pct=none"], PLAN, RULES)
    assert unlimited.name == "risk.gap.max_loss_pct=none"
    (vetoed,), _ = make_variants(
        ["plan.selection.veto_debit_regimes=iv_expansion+neutral"], PLAN, RULES
    )
    assert vetoed.plan.selection.veto_debit_regimes == ("iv_expansion", "neutral")
    with pytest.raises(UsageError, match="veto_debit_regimes: calm is none of low_vol"):
        make_variants(["plan.selection.veto_debit_regimes=calm"], PLAN, RULES)


def test_a_setting_may_be_varied_only_once():
    with pytest.raises(UsageError, match="given twice"):
        make_variants(["exits.exit_dte=7", "exits.exit_dte=14"], PLAN, RULES)


def test_one_value_applies_to_every_regime_of_a_setting_by_regime():
    variants, _ = make_variants(
        ["plan.strikes.short_delta=0.1,0.2", "plan.selection.base_dte=30"], PLAN, RULES
    )
    for variant, delta in zip(variants, (0.1, 0.2), strict=True):
        assert set(variant.plan.strikes.short_delta) == set(PLAN.strikes.short_delta)
        assert set(variant.plan.strikes.short_delta.values()) == {delta}
        assert set(variant.plan.selection.base_dte.values()) == {30}
    with pytest.raises(UsageError, match=r"risk.betas has no entries"):
        make_variants(["risk.betas=1.5"], PLAN, RULES)


@pytest.mark.parametrize(
    "text",
    [
        "plan.sizing.risk_pct=-1", "plan.sizing.risk_pct=nan", "account_value_usd=0",
        "plan.strikes.short_delta=2", "plan.strikes.long_delta.neutral=-0.2",
        "plan.strikes.width_usd=0", "plan.selection.min_dte=50", "plan.selection.min_probability=2",
        "plan.selection.confident_share=0", "plan.selection.fewest_calls=0",
        "exits.credit_stop=0", "exits.exit_dte=-5", "plan.liquidity.max_width_share=-1",
        "plan.chain.risk_free_rate=inf", "start_usd=nan", "plan.selection.strategy=short_straddle",
    ],
)  # fmt: skip
def test_a_meaningless_value_is_refused_by_its_setting(text):
    name = text.split("=")[0].removesuffix(".neutral").split(".")[-1]
    with pytest.raises(UsageError, match=name):
        make_variant([text], PLAN, RULES)


def test_related_settings_are_validated_together():
    naked = "plan.selection.strategy=short_straddle"
    with pytest.raises(UsageError, match="allow_undefined_risk=true"):
        make_variant([naked], PLAN, RULES)
    variant = make_variant(
        [naked, "plan.selection.min_dte=50", "plan.selection.max_dte=60",
         "plan.allow_undefined_risk=true"], PLAN, RULES,
    )  # fmt: skip
    assert (variant.plan.selection.min_dte, variant.plan.selection.max_dte) == (50, 60)


def test_the_level_of_confidence_can_be_varied_and_replaced_by_a_constant():
    variants, _ = make_variants(
        ["plan.selection.confident_share=0.25,0.5", "plan.selection.min_probability=none,0.4"],
        PLAN, RULES,
    )  # fmt: skip
    levels = [
        (v.plan.selection.confident_share, v.plan.selection.min_probability) for v in variants
    ]
    assert levels == [(0.25, None), (0.25, 0.4), (0.5, None), (0.5, 0.4)]


def test_a_setting_that_became_a_table_is_answered_with_its_parts():
    with pytest.raises(UsageError, match=r"no longer a list of four .*plan.chain.width.hour"):
        parse_choices(["plan.chain.width=0.1"], PLAN, RULES)
