"""Entries against the legs of open positions in a backtest."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from options_platform.domain.backtest import run_backtest
from options_platform.domain.trading.netting import NETTING_CONFLICT
from options_platform_tests.domain.backtest.small import DAYS, FREE, market, plan

EXPIRY = date(2024, 3, 15)
SOLD, BOUGHT = 95.0, 90.0


def rungs(*strikes, apart=1):
    """Put spreads, one in each session that is `apart`, by the strikes that they sell and buy."""
    made = [
        plan(
            DAYS[n * apart],
            (("sell", "put", sold, EXPIRY), ("buy", "put", bought, EXPIRY)),
            price=-0.8, loss=abs(sold - bought), profit=0.8, contracts=1, number=n,
        )
        for n, (sold, bought) in enumerate(strikes)
    ]  # fmt: skip
    return tuple(pl.concat(frames) for frames in zip(*made, strict=True))


@pytest.mark.parametrize("second", [(BOUGHT, 85.0), (100.0, SOLD)])
def test_a_rung_on_the_other_side_of_an_earlier_one_is_refused(second):
    closes = [110.0] * len(DAYS)
    result = run_backtest(*rungs((SOLD, BOUGHT), second), market({"SPY": closes}), FREE)
    assert result.trades.height == 1
    assert result.refusals.select("rule", "value").rows() == [(NETTING_CONFLICT, 1.0)]


def test_rungs_on_the_same_side_and_beside_each_other_are_entered():
    closes = [110.0] * len(DAYS)
    made = rungs((SOLD, BOUGHT), (SOLD, BOUGHT), (94.0, 89.0))
    result = run_backtest(*made, market({"SPY": closes}), FREE)
    assert result.trades.height == 3
    assert result.refusals.is_empty()


@pytest.mark.parametrize(
    ("second", "conflicts"),
    [((SOLD, BOUGHT), 2), ((SOLD, 85.0), 1), ((94.0, 89.0), 0)],
)
def test_an_entry_never_meets_the_exit_of_its_own_set_in_one_contract(second, conflicts):
    # The first rung is stopped at the close at which the second is planned.
    closes = [110.0] * 5 + [97.0] * (len(DAYS) - 5)
    rules = replace(FREE, exits=replace(FREE.exits, credit_take_profit=9.0))
    result = run_backtest(*rungs((SOLD, BOUGHT), second, apart=5), market({"SPY": closes}), rules)
    first = result.trades.row(0, named=True)
    assert (first["exit_reason"], first["closed_on"]) == ("STOP_LOSS", DAYS[6])
    refused = [(NETTING_CONFLICT, float(conflicts))] if conflicts else []
    assert result.refusals.select("rule", "value").rows() == refused
    assert result.trades.height == (1 if conflicts else 2)
