"""The sets of `budgets` are rehearsed together in one account."""

from dataclasses import replace

import polars as pl
import pytest

from options_platform.services.rehearsal.run import rehearse
from options_platform.services.rehearsal.stress import intensity_of
from options_platform_tests.services.rehearsal.small_month import crash_month, settings_of


@pytest.mark.long
def test_two_sets_send_entries_in_a_stressed_crash_within_the_limits_of_both_and_of_the_account(
    tmp_path,
):
    month = crash_month(warm_up=3, sessions=2)
    # All votes of the ladder hold.
    votes = {"vix_to_mean_10": 0.9, "har_rv_rank": 0.1, "vrp_percentile": 0.9}
    inputs = month.inputs.with_columns(pl.lit(value).alias(name) for name, value in votes.items())
    settings = settings_of(
        tmp_path,
        account_value_usd=250_000.0,
        budgets={"plan": 0.6, "premium_ladder": 0.4},
        risk={"max_positions_per_ticker": 6, "max_positions": 12},
    )
    made = rehearse(settings, replace(month, inputs=inputs), intensity_of("stressed"))
    assert [(v.name, v.breaches) for v in made.verdicts if not v.holds] == []
    assert made.rule_set == "plan+premium_ladder"
    entered = {o.rule_set for o in made.orders if o.purpose == "entry" and o.status != "not_sent"}
    assert entered == {"plan", "premium_ladder"}
