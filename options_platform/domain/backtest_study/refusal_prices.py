"""The price of each gate: what the trades that it refused would have earned, with its interval.

A gate saved something if what it refused would have lost. Profits are taken per trade in units of
risk (R), the trade's own maximum loss, since the refused trades overlap: each was followed alone
beside the account, and no account could have held them all, so that their sum is nobody's result.

A trade that expires after the last session is left out, whether or not it has ended. Of the last
weeks' trades those have ended that reached a target or a stop, and without the others their mean is
that of another kind of trade. The expiry is settled before anybody knows how a trade goes.

Intervals and p-values are by a bootstrap over blocks of sessions that are longer than a trade, by
the session of the plan (`domain/statistics/block_means.py`). Many gates are looked at, and among
fifteen without an effect one is beyond its 95% interval more often than not; so a verdict asks for
the p-value that is corrected for all gates, which keeps the chance of any false verdict at 5%.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.contracts import BACKTEST_REFUSAL_PRICES
from options_platform.contracts.refusals import SCOPES, VERDICTS
from options_platform.contracts.table import RULE_SET, RUN
from options_platform.domain.backtest import BacktestMarket, BacktestRules
from options_platform.domain.backtest.followed import NO_FILL
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest_study.gates import ACCOUNT_GATES, LIFTED, NO_TRADE
from options_platform.domain.backtest_study.refused_trades import refused_trades
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.planning.reasons import REASONS
from options_platform.domain.statistics.block_means import block_means
from options_platform.domain.statistics.bootstrap import DRAWS

BLOCK_SESSIONS = 63
FEWEST_TRADES = 30
FEWEST_BLOCKS = 10
FEWEST_OF_EACH = 10
"""With fewer trades, in fewer blocks of sessions, or with fewer that lost or that won, no interval
and no verdict is given: what a sold option costs lies in rare losses, and a sample without them
cannot show it."""
LEVEL = 0.05

MADE = "MADE"
ALONE, FIRST = SCOPES

SAVED, COST, NOT_PROVEN, TOO_FEW, NOT_FOLLOWED = VERDICTS

GATES = {
    **{code: REASONS[code] for code in REASONS if code in LIFTED or code in NO_TRADE},
    **ACCOUNT_GATES,
    **{code: NO_FILL[code] for code in ("NO_MARKET", "EXPIRED", "NO_QUOTE", "SPLIT", "BAD_FILL")},
}
"""Every gate in the order in which it is shown, with what it means."""

JUDGED = ("mean_r_low", "mean_r_high", "mean_usd_low", "mean_usd_high", "p_value", "p_corrected")
OF_RUN = (RUN.name, RULE_SET.name)
PRICES = pl.Schema(
    {name: dtype for name, dtype in BACKTEST_REFUSAL_PRICES.schema.items() if name not in OF_RUN}
)
"""Rows of `backtest_refusal_prices` but for what names their run."""


@dataclass(frozen=True)
class Refusals:
    """A backtest, every row that it refused (`FOLLOWED`), and the price of each gate (`PRICES`)."""

    result: BacktestResult
    trades: pl.DataFrame
    prices: pl.DataFrame


def price_refusals(
    inputs: pl.DataFrame, plan: PlanRules, rules: BacktestRules, market: BacktestMarket
) -> Refusals:
    """Run the backtest, follow what it refuses, and price each gate.

    Arguments as for :func:`refused_trades`.
    """
    result, trades = refused_trades(inputs, plan, rules, market)
    made = result.trades.join(result.sources.select("plan_id", "chain_source"), on="plan_id")
    return Refusals(result, trades, refusal_prices(trades, made, market.sessions))


def refusal_prices(
    refused: pl.DataFrame, made: pl.DataFrame, sessions: Sequence[date], draws: int = DRAWS
) -> pl.DataFrame:
    """The price of each gate, in the schema `PRICES`.

    Args:
        refused: rows of `FOLLOWED`.
        made: the trades that the account made, rows of `TRADES` with their `chain_source`.
        sessions: all sessions of the backtest, which the blocks are drawn from.
        draws: bootstrap draws.
    """
    refused, made = _ended(refused, sessions[-1]), _ended_made(made, sessions[-1])
    trades = pl.concat([_followed(refused), _closed(made)])
    counts = _counts(refused, made)
    priced = pl.concat([_priced(trades, scope, sessions, draws) for scope in SCOPES])
    order = _place([*GATES, MADE])
    is_made, is_alone = pl.col("gate") == MADE, pl.col("scope") == ALONE
    return (
        counts.join(priced, on=["gate", "scope"], how="left", maintain_order="left")
        .filter(is_alone | (pl.col("refused_later") > 0))
        .with_columns(
            pl.col("followed", "modelled").fill_null(0),
            saved_usd=pl.when(~is_made).then(-pl.col("total_usd")),
            saved_r=pl.when(~is_made).then(-pl.col("mean_r")),
            saved_r_low=pl.when(~is_made).then(-pl.col("mean_r_high")),
            saved_r_high=pl.when(~is_made).then(-pl.col("mean_r_low")),
        )
        .with_columns(
            pl.when(is_alone & ~is_made).then(name).alias(name)
            for name in ("p_value", "p_corrected")
        )
        .with_columns(verdict=pl.when(is_alone & ~is_made).then(_verdict()))
        .select(PRICES.names())
        .cast(dict(PRICES))  # type: ignore[arg-type]
        .sort(pl.col("gate").replace_strict(order), "scope")
    )


def _ended(refused: pl.DataFrame, last: date) -> pl.DataFrame:
    """Refused trades; what expires after the last session is not followed to its end."""
    expires_later = pl.col("not_followed").is_null() & (pl.col("expiry") > last)
    missing = pl.when(expires_later).then(pl.lit("EXPIRES_LATER")).otherwise("not_followed")
    return refused.with_columns(not_followed=missing)


def _ended_made(made: pl.DataFrame, last: date) -> pl.DataFrame:
    """The trades that were made; those that expire after the last session count as open."""
    ended = pl.col("expiry") <= last
    return made.with_columns(closed_on=pl.when(ended.fill_null(value=True)).then("closed_on"))


def _followed(refused: pl.DataFrame) -> pl.DataFrame:
    """Refused trades that ended: gate, session of the plan, profit, and whether one alone did."""
    ended = refused.filter(pl.col("not_followed").is_null())
    return ended.select(
        "gate", "date", "chain_source", "pnl_usd", "max_loss_usd", "max_profit_usd",
        alone=pl.col("later_gates").list.len() == 0,
    )  # fmt: skip


def _closed(made: pl.DataFrame) -> pl.DataFrame:
    closed = made.drop_nulls("closed_on")
    return closed.select(
        pl.lit(MADE).alias("gate"),
        pl.col("planned_on").alias("date"),
        "chain_source",
        "pnl_usd",
        "max_loss_usd",
        "max_profit_usd",
        alone=pl.lit(value=True),
    )


def _counts(refused: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """How many rows each gate refused, in each scope, and why some were not followed."""
    ended = pl.col("not_followed").is_null()
    rows = refused.group_by("gate").agg(
        refused=pl.len(),
        refused_later=(ended & (pl.col("later_gates").list.len() > 0)).sum(),
        not_followed=(~ended).sum(),
    )
    of_made = pl.DataFrame({"gate": [MADE], "refused": [0], "refused_later": [0]})
    still_open = made.filter(pl.col("closed_on").is_null()).height
    of_made = of_made.with_columns(not_followed=pl.lit(still_open)).cast(dict(rows.schema))  # type: ignore[arg-type]
    why = (
        refused.filter(~ended)
        .group_by("gate", "not_followed")
        .len()
        .sort("len", "not_followed", descending=[True, False])
        .group_by("gate", maintain_order=True)
        .agg(missing=pl.format("{} {}", "not_followed", "len").str.join(", "))
    )
    scopes = pl.DataFrame({"scope": SCOPES})
    return pl.concat([rows, of_made]).join(why, on="gate", how="left").join(scopes, how="cross")


def _priced(trades: pl.DataFrame, scope: str, sessions: Sequence[date], draws: int) -> pl.DataFrame:
    """What the trades of a scope earned, by gate; one family of tests."""
    own = trades.filter(pl.col("alone") | pl.lit(scope == FIRST))
    own = own.with_columns(
        r=pl.col("pnl_usd") / pl.col("max_loss_usd"),
        at=pl.col("date").replace_strict(_place(sessions), return_dtype=pl.Int64),
    )
    rows = own.group_by("gate", maintain_order=True).agg(
        followed=pl.len(),
        modelled=(pl.col("chain_source") != "real").sum(),
        total_usd=pl.col("pnl_usd").sum(),
        total_r=pl.col("r").sum(),
        win_rate=(pl.col("pnl_usd") > 0).mean(),
        mean_usd=pl.col("pnl_usd").mean(),
        mean_r=pl.col("r").mean(),
        blocks=(pl.col("at") // BLOCK_SESSIONS).n_unique(),
        rarer=pl.min_horizontal((pl.col("pnl_usd") > 0).sum(), (pl.col("pnl_usd") <= 0).sum()),
    )
    enough = (
        (pl.col("followed") >= FEWEST_TRADES)
        & (pl.col("blocks") >= FEWEST_BLOCKS)
        & (pl.col("rarer") >= FEWEST_OF_EACH)
    )
    # The trades that were made are no gate, and no further look.
    families = [pl.col("gate") == MADE, pl.col("gate") != MADE]
    judged = [
        _judged(own, rows.filter(enough & family)["gate"].to_list(), len(sessions), draws)
        for family in families
    ]
    rows = rows.join(pl.concat(judged), on="gate", how="left")
    return rows.with_columns(scope=pl.lit(scope)).drop("blocks", "rarer")


def _judged(trades: pl.DataFrame, gates: list[str], sessions: int, draws: int) -> pl.DataFrame:
    """Intervals and p-values of gates with enough trades, corrected for all of them."""
    if not gates:
        return pl.DataFrame(schema={"gate": pl.String, **dict.fromkeys(JUDGED, pl.Float64)})
    rows = trades.filter(pl.col("gate").is_in(gates))
    column = rows["gate"].replace_strict(_place(gates), return_dtype=pl.Int64).to_numpy()
    at = rows["at"].to_numpy(), column

    def summed(values: Floats) -> Floats:
        total = np.zeros((sessions, len(gates)))
        np.add.at(total, at, values)
        return total

    counts = summed(np.ones(rows.height))
    of_r, of_usd = (
        block_means(summed(rows[name].to_numpy()), counts, block=BLOCK_SESSIONS, draws=draws)
        for name in ("r", "pnl_usd")
    )
    numbers = (*of_r.interval, *of_usd.interval, of_r.p_values, of_r.corrected)
    judged = pl.DataFrame({"gate": gates, **dict(zip(JUDGED, numbers, strict=True))})
    return _within_bounds(judged.with_columns(pl.col(JUDGED).fill_nan(None)), rows)


def _within_bounds(judged: pl.DataFrame, trades: pl.DataFrame) -> pl.DataFrame:
    """Intervals cut at what the trades can lose or gain; trades that never lost tell little else.

    Losses beyond the maximum, of undefined risk, and profits without a bound are not cut.
    """
    profit = pl.col("max_profit_usd")
    is_bounded = profit.null_count() == 0
    bounds = trades.group_by("gate").agg(
        least_r=pl.min_horizontal(-1.0, pl.col("r").min()),
        most_r=pl.when(is_bounded).then((profit / pl.col("max_loss_usd")).max()),
        least_usd=pl.min_horizontal(-pl.col("max_loss_usd").max(), pl.col("pnl_usd").min()),
        most_usd=pl.when(is_bounded).then(profit.max()),
    )
    return judged.join(bounds, on="gate", maintain_order="left").select(
        "gate",
        pl.max_horizontal("mean_r_low", "least_r").alias("mean_r_low"),
        pl.min_horizontal("mean_r_high", "most_r").alias("mean_r_high"),
        pl.max_horizontal("mean_usd_low", "least_usd").alias("mean_usd_low"),
        pl.min_horizontal("mean_usd_high", "most_usd").alias("mean_usd_high"),
        "p_value",
        "p_corrected",
    )


def _verdict() -> pl.Expr:
    never_followed = pl.col("followed") + pl.col("refused_later") == 0
    return (
        pl.when(never_followed)
        .then(pl.lit(NOT_FOLLOWED))
        .when(pl.col("p_corrected").is_null())
        .then(pl.lit(TOO_FEW))
        .when(pl.col("p_corrected") > LEVEL)
        .then(pl.lit(NOT_PROVEN))
        .when(pl.col("mean_r") > 0)
        .then(pl.lit(COST))
        .otherwise(pl.lit(SAVED))
    )


def _place(values: Sequence[object]) -> dict[object, int]:
    return {value: number for number, value in enumerate(values)}
