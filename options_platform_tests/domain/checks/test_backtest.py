from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from options_platform.contracts import (
    ACCOUNT_SET_SCORES,
    BACKTEST_EQUITY,
    BACKTEST_FILLS,
    BACKTEST_MARKS,
    BACKTEST_TRADES,
)
from options_platform.domain.checks.backtest import BACKTEST_RULES, BacktestTables

DAYS = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6)]
RULES = {rule.name: rule for rule in BACKTEST_RULES}


def rows(table, **columns):
    frame = pl.DataFrame({"run": "r", "fill_model": "default", **columns})
    missing = {
        name: pl.lit(0 if kind.is_numeric() else None, kind)
        for name, kind in table.schema.items()
        if name not in frame.columns
    }
    return frame.with_columns(**missing).select(table.schema.names()).cast(dict(table.schema))


def good():
    """One spread sold at 1.00, marked at 1.20, settled at 0.90; 2 USD interest, 1 USD fee."""
    equity = rows(
        BACKTEST_EQUITY,
        date=DAYS,
        cash_usd=[1000.0, 1099.0, 1011.0],
        positions_usd=[0.0, -120.0, 0.0],
        equity_usd=[1000.0, 979.0, 1011.0],
        interest_usd=[5.0, 0.0, 2.0],
        fees_usd=[0.0, 1.0, 0.0],
    )
    trades = rows(
        BACKTEST_TRADES, plan_id=["p"], opened_on=[DAYS[1]], closed_on=[DAYS[2]],
        exit_reason=["EXPIRY"], pnl_usd=[9.0], max_loss_usd=[401.0],
    )  # fmt: skip
    marks = rows(BACKTEST_MARKS, date=[DAYS[1]], plan_id=["p"], value_usd=[-120.0])
    fills = rows(
        BACKTEST_FILLS, date=DAYS[1:], plan_id=["p", "p"], side=["sell", "buy"],
        contracts=[1, 1], price=[1.0, 0.9],
    )  # fmt: skip
    return BacktestTables(equity, trades, marks, fills)


def broken(tables, name):
    return RULES[name].find(tables).broken


def test_sound_accounts_pass_every_rule():
    assert {name: broken(good(), name) for name in RULES} == dict.fromkeys(RULES, 0)


def changed(tables, part, **columns):
    frames = vars(tables) | {part: getattr(tables, part).with_columns(**columns)}
    return BacktestTables(**frames)


LOST_CENT = pl.col("cash_usd") + pl.when(pl.col("date") == DAYS[-1]).then(0.01).otherwise(0.0)


@pytest.mark.parametrize(
    ("rule", "part", "columns"),
    [
        ("accounts_balance", "equity", {"cash_usd": LOST_CENT}),
        ("fills_explain_cash", "fills", {"price": pl.lit(pl.Series([1.0, 0.91]))}),
        ("accounts_balance", "marks", {"value_usd": pl.lit(-119.99)}),
        ("profits_explain_equity", "trades", {"pnl_usd": pl.lit(8.98)}),
        ("losses_bounded", "trades", {"pnl_usd": pl.lit(-401.02)}),
        ("positions_marked", "trades", {"opened_on": pl.lit(DAYS[0])}),
        ("trades_made", "trades", {"run": pl.lit("another")}),
    ],
)  # fmt: skip
def test_each_rule_detects_an_error_of_a_cent(rule, part, columns):
    assert broken(changed(good(), part, **columns), rule) == 1


def test_a_loss_before_expiry_is_not_bounded():
    early = changed(good(), "trades", pnl_usd=pl.lit(-900.0), exit_reason=pl.lit("STOP_LOSS"))
    assert broken(early, "losses_bounded") == 0


def test_only_accounting_rules_block():
    assert [rule.name for rule in BACKTEST_RULES if not rule.blocking] == ["trades_made"]


def test_a_set_that_did_not_make_its_trades_is_found():
    made = pl.concat(
        rows(BACKTEST_TRADES, plan_id=[name], rule_set=[name], pnl_usd=[pnl], run=["account"])
        for name, pnl in (("plan", 9.0), ("mine", -4.0))
    )
    parts = pl.DataFrame(
        {"fill_model": "default", "part": ["account", "set", "set"],
         "rule_set": ["plan+mine", "plan", "mine"], "pnl_usd": [7.0, 9.0, -4.0]}
    )  # fmt: skip
    missing = [name for name in ACCOUNT_SET_SCORES.schema if name not in parts.columns]
    parts = parts.with_columns(pl.lit(None, ACCOUNT_SET_SCORES.schema[n]).alias(n) for n in missing)
    tables = replace(good(), trades=pl.concat([good().trades, made]), parts=parts)
    assert broken(tables, "sets_explain_account") == 0
    exchanged = parts.with_columns(pnl_usd=pl.Series([7.0, -4.0, 9.0]))
    assert broken(replace(tables, parts=exchanged), "sets_explain_account") == 2
    assert broken(replace(tables, parts=parts.head(2)), "sets_explain_account") == 1
