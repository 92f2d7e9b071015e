"""The accounts that strategies need are those at which their plans trade."""

from dataclasses import replace
from types import SimpleNamespace

import polars as pl
import pytest

from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.strike_settings import StrikeRules
from options_platform.domain.risk.rules import GreekLimits, RiskRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.services.planning import strategy_needs as module
from options_platform.services.planning.strategy_needs import strategy_needs
from options_platform.testing.plan_rows import BATCH
from options_platform_tests.platform import make_platform_settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "plan_inputs", lambda *_, **__: BATCH)
    return make_platform_settings(tmp_path / "home")


# Limits on greeks are asked at the entry; the plan does not know them.
NO_GREEK_LIMITS = RiskRules(greeks=GreekLimits(*[1e9] * 4))


def needs_of(settings, plan, risk=NO_GREEK_LIMITS):
    # Without a file there are no fits that its prices could rest on.
    missing = settings.warehouse_path.with_name("none.duckdb")
    warehouse = SimpleNamespace(path=missing, read=lambda *_, **__: BATCH.select("date"))
    return strategy_needs(replace(settings, plan=plan, risk=risk), warehouse, 1000)


def planned_at(plan):
    trades = build_plans(BATCH, plan)[0].filter(pl.col("decision") == "trade")
    is_narrowed = pl.col("reasons").list.contains("NARROWED")
    return (
        trades.group_by("ticker", "strategy")
        .agg(
            full_width=(~is_narrowed).sum(),
            narrower=is_narrowed.sum(),
            narrower_width=pl.col("width").filter(is_narrowed).quantile(0.5, "lower"),
        )
        .sort("ticker", "strategy")
    )


@pytest.mark.parametrize("account", [4_000.0, 10_000.0, 25_000.0])
@pytest.mark.parametrize("at_least_one", [True, False])
def test_what_is_said_of_an_account_is_what_its_plans_do(settings, account, at_least_one):
    plan = PlanRules(sizing=SizingRules(account, at_least_one=at_least_one))
    needs, planned = needs_of(settings, plan), planned_at(plan)
    trading = needs.needs.filter(pl.col("full_width") + pl.col("narrower") > 0)
    assert trading.select(planned.columns).equals(planned)
    assert planned["narrower"].sum() > 10
    said = " ".join(needs.notes)
    for count, width in planned.select("narrower", "narrower_width").iter_rows():
        assert not count or f"trades narrower ({width:g} USD wide) in {count} of" in said


@pytest.mark.long
def test_the_accounts_that_are_named_take_half_and_90_percent_of_the_plans(settings):
    needs = needs_of(settings, PlanRules(sizing=SizingRules(10_000.0))).needs
    for row in needs.iter_rows(named=True):
        assert row["smallest_account_usd"] < row["account_needed_usd"]
        for name, share in (("smallest_account_usd", 0.5), ("account_for_90_usd", 0.9)):
            planned = planned_at(PlanRules(sizing=SizingRules(row[name])))
            own = planned.filter(pl.col("strategy") == row["strategy"]).row(0, named=True)
            assert own["full_width"] + own["narrower"] >= share * row["plans"]


def test_a_limit_on_greeks_refuses_what_the_size_allows(settings):
    plan = PlanRules(sizing=SizingRules(10_000.0))
    tight = needs_of(settings, plan, RiskRules(greeks=GreekLimits(*[1e-9] * 4))).needs
    assert tight["full_width"].sum() + tight["narrower"].sum() == 0
    assert not tight["fits"].any()


def test_without_narrowing_the_full_width_is_the_only_one(settings):
    plan = PlanRules(sizing=SizingRules(10_000.0), strikes=StrikeRules(narrow_to_fit=False))
    needs = needs_of(settings, plan)
    assert needs.needs["narrower"].sum() == 0
    assert "trades narrower" not in " ".join(needs.notes)
