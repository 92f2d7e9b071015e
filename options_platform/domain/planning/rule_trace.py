"""The rule trace: for each row of the plan which rule was asked, with which value, and how
it ended.

A row's rules stand in the order in which the plan asks them; the first that refuses ends it, and
those after it were not reached. Limits of the account, which depend on what is open, are asked
where orders are made; `account_trace` gives what they refused in the same form.
"""

from __future__ import annotations

import polars as pl

from options_platform.domain.planning.plan import PlanRules, spread_refusals
from options_platform.domain.planning.refusals import RefusalRule
from options_platform.domain.planning.report_trades.choice import (
    TRADES_REPORT,
    report_trade_refusals,
    with_price_inputs,
)
from options_platform.domain.planning.selection import (
    missing_inputs,
    selection_refusals,
    with_wanted,
)

LEDGER_SCHEMA = pl.Schema(
    {
        "date": pl.Date,
        "ticker": pl.String,
        "step": pl.Int32,
        "rule": pl.String,
        "value": pl.String,
        "threshold": pl.String,
        "outcome": pl.String,
    }
)
"""`outcome` is passed, refused or not_reached; `value` is null where nothing was known."""

ACCOUNT_STEP = 100


def rule_trace(inputs: pl.DataFrame, plans: pl.DataFrame, rules: PlanRules) -> pl.DataFrame:
    """The ledger of every row of the plan.

    Args:
        inputs: what `build_plans` was given.
        plans: what it made of them.
        rules: the settings of both.

    Returns:
        Rows in `LEDGER_SCHEMA`, sorted by date, ticker and step.
    """
    shown = plans.select(
        "date", "ticker", "decision", "dte", "limit_price", "width", "spot", "contracts",
        "vol_scale",
        code=pl.col("reasons").list.first(),
    )  # fmt: skip
    wanted = with_price_inputs(with_wanted(inputs, rules.selection), rules.earnings_trades)
    rows = wanted.join(shown, on=["date", "ticker"], how="inner")
    asked = asked_rules(rules)
    order = {rule.code: step for step, rule in enumerate(asked, start=1)}
    refused_at = (
        pl.when(pl.col("decision") == "no_trade")
        .then(pl.col("code").replace_strict(order, default=None, return_dtype=pl.Int32))
        .otherwise(len(asked) + 1)
    )
    rows = rows.with_columns(refused_at=refused_at)
    of_matrix = selection_refusals(rules.selection)[len(missing_inputs()) :]
    only_others = {rule.code for rule in of_matrix}
    frames = [
        rows.select(
            "date",
            "ticker",
            step=pl.lit(step, pl.Int32),
            rule=pl.lit(rule.code),
            value=rule.value,
            threshold=pl.lit(rule.threshold),
            outcome=pl.when(pl.col("refused_at") == step)
            .then(pl.lit("refused"))
            .when(
                (pl.col("refused_at") < step)
                | (pl.col(TRADES_REPORT) & pl.lit(rule.code in only_others))
            )
            .then(pl.lit("not_reached"))
            .otherwise(pl.lit("passed")),
        )
        for step, rule in enumerate(asked, start=1)
    ]
    return pl.concat(frames).select(LEDGER_SCHEMA.names()).sort("date", "ticker", "step")


def account_trace(refusals: pl.DataFrame) -> pl.DataFrame:
    """What the account or the market refused, as rows of the ledger.

    `refusals` are those of a backtest (session, ticker, rule, value, threshold); their steps come
    after the plan's, and their date is the session that refused.
    """
    return refusals.select(
        date="session",
        ticker="ticker",
        step=pl.lit(ACCOUNT_STEP, pl.Int32),
        rule="rule",
        value=pl.col("value").fill_nan(None).round(6).cast(pl.String),
        threshold=pl.col("threshold").fill_nan(None).round(6).cast(pl.String),
        outcome=pl.lit("refused"),
    )


def asked_rules(rules: PlanRules) -> tuple[RefusalRule, ...]:
    """The plan's rules in the order in which they are asked.

    What is asked of the matrix's choice is not reached by the trade of a report.
    """
    missing = missing_inputs()
    return (
        *missing,
        *report_trade_refusals(rules.earnings_trades),
        *selection_refusals(rules.selection)[len(missing) :],
        *spread_refusals(rules),
    )
