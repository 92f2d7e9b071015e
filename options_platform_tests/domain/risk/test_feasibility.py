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
    needed_accounts = feasibility(spreads(400, 500, 600), SizingRules(risk_pct=0.02), RiskRules())
    assert needed_accounts.schema == FEASIBILITY_SCHEMA
    (row,) = needed_accounts.iter_rows(named=True)
    # One spread is within 2% of 25,000; high_vol halves the budget, and a confidence of 0 again.
    assert row["needed_for_sizing_usd"] == pytest.approx(25_000.0)
    assert row["needed_in_full_usd"] == pytest.approx(100_000.0)
    assert row["needed_for_limits_usd"] == pytest.approx(500.0 / 0.03)
    assert (row["account_needed_usd"], row["fits"]) == (pytest.approx(25_000.0), True)
    assert (row["width"], row["fees_share"]) == (None, None)


def test_width_and_fees_are_medians_where_they_are_known():
    rows = spreads(400, 500, 600).with_columns(
        width=pl.Series([5.0, 10.0, 10.0]), fees_share=pl.Series([0.02, 0.05, None])
    )
    (row,) = feasibility(rows, SizingRules(), RiskRules()).iter_rows(named=True)
    assert (row["width"], row["fees_share"]) == (10.0, pytest.approx(0.035))


def test_confidence_and_account_value_decide_whether_a_strategy_fits():
    assert feasibility(spreads(500), SizingRules(account_value_usd=60_000.0), RiskRules())[
        "fits"
    ].item()
    sizing = SizingRules(account_value_usd=60_000.0, at_least_one=False)
    assert not feasibility(spreads(500), sizing, RiskRules())["fits"].item()
    sure = spreads(500).with_columns(confidence=1.0)
    needed_accounts = feasibility(sure, sizing, RiskRules())
    assert needed_accounts["account_needed_usd"].item() == pytest.approx(50_000.0)
    assert needed_accounts["fits"].item()


def test_a_volatility_target_scales_the_budget_that_a_spread_fits():
    rows = spreads(500, 500).with_columns(confidence=1.0, vol_scale=pl.Series([0.5, None]))
    each = [feasibility(rows[n : n + 1], SizingRules(), RiskRules()) for n in (0, 1)]
    # Half of 2% in high_vol, and half of that again.
    assert [own["needed_in_full_usd"].item() for own in each] == pytest.approx(
        [100_000.0, 50_000.0]
    )
    assert [own["needed_for_sizing_usd"].item() for own in each] == pytest.approx([25_000.0] * 2)


def test_the_greek_limits_may_require_the_largest_account():
    """Per spread, with beta 1.5: delta 300 USD x 1.5 against 100% of the account, gamma 90 USD x
    1.5 squared against 20%, vega 3 USD and theta 4 USD against 1% each."""
    greeks = {"delta_usd": -300.0, "gamma_usd": 90.0, "vega_usd": 3.0, "theta_usd": -4.0}
    rows = spreads(5).with_columns(**{name: pl.lit(value) for name, value in greeks.items()})
    needed_accounts = feasibility(rows, SizingRules(), RiskRules(betas={"SPY": 1.5}))
    assert needed_accounts["needed_for_greeks_usd"].item() == pytest.approx(90.0 * 2.25 / 0.2)
    assert (
        needed_accounts["account_needed_usd"].item()
        == needed_accounts["needed_for_greeks_usd"].item()
    )
    alone = feasibility(rows.with_columns(gamma_usd=0.0), SizingRules(), RiskRules())
    assert alone["needed_for_greeks_usd"].item() == pytest.approx(4.0 / 0.01)


def test_no_account_is_large_enough_for_a_cap_below_the_loss():
    needed_accounts = feasibility(spreads(500), SizingRules(max_risk_usd=499.0), RiskRules())
    assert needed_accounts["account_needed_usd"].item() is None
    assert needed_accounts["fits"].item() is False


def two_widths(wide, narrow):
    """Plans that lose the first amounts at 10 USD and the second ones, or nothing, at 2 USD."""
    losses = {10.0: wide, 2.0: narrow}
    return pl.concat(
        spreads(*losses[width]).with_columns(
            width=width, plan_id=pl.Series([f"plan {n}" for n in range(len(losses[width]))])
        )
        for width in losses
    )


def test_an_account_that_trades_narrower_is_counted_and_its_needs_stand_beside_the_full_ones():
    rows = two_widths(wide=[500, 820, 840, 860, 900], narrow=[150, 160, 170, 180])
    (row,) = feasibility(rows, SizingRules(10_000.0), RiskRules()).iter_rows(named=True)
    assert (row["plans"], row["full_width"], row["narrower"]) == (5, 0, 4)
    assert (row["narrower_width"], row["fits"]) == (2.0, True)
    assert (row["width"], row["max_loss_usd"]) == (10.0, 840.0)
    assert row["account_needed_usd"] == pytest.approx(42_000.0)
    # The third of five plans; 90% of five are all of them, and the last has no narrower width.
    assert row["smallest_account_usd"] == pytest.approx(170.0 / 0.02)
    assert row["account_for_90_usd"] == pytest.approx(900.0 / 0.02)
    (row,) = feasibility(rows, SizingRules(25_000.0), RiskRules()).iter_rows(named=True)
    assert (row["full_width"], row["narrower"]) == (1, 3)
    capped = SizingRules(10_000.0, max_risk_usd=155.0)
    (row,) = feasibility(rows, capped, RiskRules()).iter_rows(named=True)
    assert (row["narrower"], row["fits"], row["smallest_account_usd"]) == (1, False, None)


def test_the_account_for_90_percent_trades_as_many():
    losses = [float(loss) for loss in range(100, 200, 5)]
    rows = two_widths(wide=[5.0 * loss for loss in losses], narrow=losses)
    needed = feasibility(rows, SizingRules(), RiskRules())
    for name, share in (("smallest_account_usd", 0.5), ("account_for_90_usd", 0.9)):
        account = SizingRules(account_value_usd=needed[name].item())
        traded = feasibility(rows, account, RiskRules()).row(0, named=True)
        assert share <= (traded["full_width"] + traded["narrower"]) / 20 < share + 0.1
