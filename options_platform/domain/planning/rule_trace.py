"""The rule trace: for each row of the plan which rule was asked, with which value, and how
it ended.

A row's rules stand in the order in which the plan asks them; the first that refuses ends it, and
those after it were not reached. Limits of the account, which depend on what is open, are asked
where orders are made; `account_trace` gives what they refused in the same form.
"""

from __future__ import annotations

import polars as pl

from options_platform.domain.planning.liquidity import LiquidityRules
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.planning.selection import BY_MATRIX, CONDOR, NONE, wanted_strategy
from options_platform.domain.strategies import STRATEGIES

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

Rule = tuple[str, pl.Expr, str]
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
        "date", "ticker", "decision", "dte", "limit_price", "width", "contracts",
        code=pl.col("reasons").list.first(),
    )  # fmt: skip
    rows = (
        inputs.with_columns(
            wanted=wanted_strategy(rules.selection),
            p_max=pl.max_horizontal("p_bearish", "p_neutral", "p_bullish"),
        )
        .join(shown, on=["date", "ticker"], how="inner")
        .with_columns(
            kind=pl.col("wanted").replace_strict(
                {name: strategy.kind for name, strategy in STRATEGIES.items()}, default=None
            )
        )
    )
    asked = asked_rules(rules)
    order = {code: step for step, (code, _, _) in enumerate(asked, start=1)}
    refused_at = (
        pl.when(pl.col("decision") == "no_trade")
        .then(pl.col("code").replace_strict(order, default=None, return_dtype=pl.Int32))
        .otherwise(len(asked) + 1)
    )
    rows = rows.with_columns(refused_at=refused_at)
    frames = [
        rows.select(
            "date",
            "ticker",
            step=pl.lit(step, pl.Int32),
            rule=pl.lit(code),
            value=value,
            threshold=pl.lit(threshold),
            outcome=pl.when(pl.col("refused_at") == step)
            .then(pl.lit("refused"))
            .when(pl.col("refused_at") < step)
            .then(pl.lit("not_reached"))
            .otherwise(pl.lit("passed")),
        )
        for step, (code, value, threshold) in enumerate(asked, start=1)
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


def asked_rules(rules: PlanRules) -> list[Rule]:
    """The plan's rules in the order in which they are asked: code, value and threshold."""
    chosen, liquidity = rules.selection, rules.liquidity
    return [
        ("BAD_BAR", pl.col("bad_reason"), "none"),
        ("NO_VIX", _number("vix"), "known"),
        ("NO_REGIME", pl.col("regime"), "known"),
        ("NO_PREDICTION", pl.col("direction"), "known"),
        (
            "LOW_CONFIDENCE",
            _number("p_max"),
            f"at least {chosen.min_probability:g} in the neutral regime"
            if chosen.strategy == BY_MATRIX
            else "any",
        ),
        ("NO_EDGE", pl.col("wanted"), f"not {NONE}"),
        (
            "IRON_CONDOR_DISABLED",
            pl.col("wanted"),
            "any" if chosen.condors_allowed else f"not {CONDOR}",
        ),
        (
            "VOL_VETO_DEBIT",
            _number("iv_rank_change_pred"),
            f"at least {chosen.veto_debit_below:g} for a debit",
        ),
        (
            "VOL_VETO_CREDIT",
            _number("iv_rank_change_pred"),
            f"at most {chosen.veto_credit_above:g} for a credit",
        ),
        (
            "UNBOUNDED",
            pl.col("wanted"),
            "legs that bound each other"
            + (", or short straddles and strangles" if rules.allow_undefined_risk else ""),
        ),
        ("NO_EXPIRY", _number("dte"), f"{chosen.min_dte} to {chosen.max_dte} days"),
        ("BAD_QUOTE", _number("limit_price"), "sound quotes, a price between zero and the width"),
        (
            "ILLIQUID",
            _number("limit_price"),
            _asked_of_quotes(liquidity),
        ),
        ("RISK_BUDGET", _number("contracts"), "at least 1 contract"),
    ]


def _asked_of_quotes(rules: LiquidityRules) -> str:
    return (
        f"bid {rules.min_bid_usd:g}, width {rules.max_width_share:g} of the net, "
        f"open interest {rules.min_open_interest:g}, volume {rules.min_volume:g}"
    )


def _number(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Float64).round(6).cast(pl.String)
