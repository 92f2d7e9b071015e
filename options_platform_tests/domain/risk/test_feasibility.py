import polars as pl
import pytest

from options_platform.domain.risk import FEASIBILITY_SCHEMA, RiskRules, feasibility
from options_platform.domain.risk.sizing import SizingRules


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


def test_the_limits_on_greeks_may_ask_for_more_than_the_others():
    """A delta of 300 USD a spread, of beta 1.5, against 100% of the account; gamma 90 against 20%
    and, of the market, 1.5 squared; vega 3 and theta 4 against 1%."""
    greeks = {"delta_usd": -300.0, "gamma_usd": 90.0, "vega_usd": 3.0, "theta_usd": -4.0}
    rows = spreads(5).with_columns(**{name: pl.lit(value) for name, value in greeks.items()})
    found = feasibility(rows, SizingRules(), RiskRules(betas={"SPY": 1.5}))
    assert found["needed_for_greeks_usd"].item() == pytest.approx(90.0 * 2.25 / 0.2)
    assert found["account_needed_usd"].item() == found["needed_for_greeks_usd"].item()
    alone = feasibility(rows.with_columns(gamma_usd=0.0), SizingRules(), RiskRules())
    assert alone["needed_for_greeks_usd"].item() == pytest.approx(4.0 / 0.01)


def test_a_cap_below_the_loss_is_out_of_reach_for_any_account():
    found = feasibility(spreads(500), SizingRules(max_risk_usd=499.0), RiskRules())
    assert found["account_needed_usd"].item() is None
    assert found["fits"].item() is False
