import polars as pl
import pytest

from options_platform.domain.risk import FEASIBILITY_SCHEMA, RiskRules, feasibility
from options_platform.domain.sizing import SizingRules


def spreads(*losses, strategy="bull_put_spread", regime="high_vol"):
    return pl.DataFrame(
        {
            "ticker": "SPY",
            "strategy": strategy,
            "regime": regime,
            "max_loss_usd": [float(loss) for loss in losses],
        }
    )


def test_the_account_that_one_spread_needs_worked_by_hand():
    found = feasibility(spreads(400, 500, 600), SizingRules(risk_pct=0.02), RiskRules())
    assert found.schema == FEASIBILITY_SCHEMA
    # high_vol halves the risk, and so does a confidence of 0: 500 / (0.02 x 0.5 x 0.5).
    (row,) = found.iter_rows(named=True)
    assert row["needed_for_sizing_usd"] == pytest.approx(100_000.0)
    assert row["needed_for_limits_usd"] == pytest.approx(500.0 / 0.03)
    assert (row["account_needed_usd"], row["fits"]) == (pytest.approx(100_000.0), True)


def test_confidence_and_account_decide_what_fits():
    sizing = SizingRules(account_value_usd=60_000.0)
    assert not feasibility(spreads(500), sizing, RiskRules())["fits"].item()
    sure = {"bull_put_spread": 1.0}
    found = feasibility(spreads(500), sizing, RiskRules(), confidence=sure)
    assert found["account_needed_usd"].item() == pytest.approx(50_000.0)
    assert found["fits"].item()


def test_a_cap_below_the_loss_is_out_of_reach_for_any_account():
    found = feasibility(spreads(500), SizingRules(max_risk_usd=499.0), RiskRules())
    assert found["account_needed_usd"].item() is None
    assert found["fits"].item() is False
