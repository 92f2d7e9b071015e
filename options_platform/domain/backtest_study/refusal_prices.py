"""The price of each gate: what the trades that it refused would have earned, with its interval.

A gate saved something if what it refused would have lost. Profits are taken per trade in units of
risk (R), the trade's own maximum loss, since the refused trades overlap: each was followed alone
beside the account, and no account could have held them all, so that their sum is nobody's result.

Intervals and p-values are by a bootstrap over blocks of sessions that are longer than a trade, by
the session of the plan. Many gates are looked at, and among fifteen without an effect one is beyond
its 95% interval more often than not; so a verdict asks for the p-value corrected by the largest
statistic of all gates in the same draws (Westfall and Young 1993, Resampling-Based Multiple
Testing, single-step maxT), which keeps the chance of any false verdict at 5%.
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
from options_platform.domain.statistics.bootstrap import DRAWS, block_positions, interval_of

BLOCK_SESSIONS = 63
FEWEST_TRADES = 30
FEWEST_BLOCKS = 10
"""With fewer trades, or in fewer blocks of sessions, no interval and no verdict is given."""
LEVEL = 0.05

MADE = "MADE"
ALONE, FIRST = SCOPES

SAVED, COST, NOT_PROVEN, TOO_FEW, NOT_FOLLOWED = VERDICTS

GATES = {
    **{code: REASONS[code] for code in REASONS if code in LIFTED or code in NO_TRADE},
    **ACCOUNT_GATES,
    **{code: NO_FILL[code] for code in ("NO_MARKET", "EXPIRED", "NO_QUOTE", "BAD_FILL")},
}
"""Every gate in the order in which it is shown, with what it means."""

OF_RUN = (RUN.name, RULE_SET.name)
PRICES = pl.Schema(
    {name: dtype for name, dtype in BACKTEST_REFUSAL_PRICES.schema.items() if name not in OF_RUN}
)
"""Rows of `backtest_refusal_prices` but for what names their run."""


@dataclass(frozen=True)
class _Sums:
    """Sums of trades by the session of their plan, shape [sessions, groups]."""

    r: Floats
    usd: Floats
    count: Floats


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
    trades = pl.concat([_followed(refused), _closed(made)])
    counts = _counts(refused, made)
    weights = _weights(len(sessions), draws)
    priced = pl.concat([_priced(trades, scope, sessions, weights) for scope in SCOPES])
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


def _followed(refused: pl.DataFrame) -> pl.DataFrame:
    """Refused trades that ended: gate, session of the plan, profit, and whether one alone did."""
    ended = refused.filter(pl.col("not_followed").is_null())
    return ended.select(
        "gate", "date", "chain_source", "pnl_usd", "max_loss_usd",
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


def _priced(
    trades: pl.DataFrame, scope: str, sessions: Sequence[date], weights: Floats
) -> pl.DataFrame:
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
    )
    is_enough = (pl.col("followed") >= FEWEST_TRADES) & (pl.col("blocks") >= FEWEST_BLOCKS)
    enough = rows.filter(is_enough)
    judged = _judged(enough, _sums(own, enough["gate"].to_list(), len(sessions)), weights)
    return rows.join(judged, on="gate", how="left").with_columns(scope=pl.lit(scope)).drop("blocks")


def _sums(trades: pl.DataFrame, gates: Sequence[str], sessions: int) -> _Sums:
    rows = trades.filter(pl.col("gate").is_in(gates))
    column = rows["gate"].replace_strict(_place(gates), return_dtype=pl.Int64)
    at = tuple(numbers.to_numpy().astype(np.int64) for numbers in (rows["at"], column))

    def summed(values: Floats) -> Floats:
        total = np.zeros((sessions, len(gates)))
        np.add.at(total, at, values)
        return total

    return _Sums(
        summed(rows["r"].to_numpy()), summed(rows["pnl_usd"].to_numpy()),
        summed(np.ones(rows.height)),
    )  # fmt: skip


def _judged(rows: pl.DataFrame, sums: _Sums, weights: Floats) -> pl.DataFrame:
    """Intervals and p-values of groups with enough trades."""
    mean = rows["mean_r"].to_numpy()
    gates = rows["gate"].to_list()
    # A draw without a trade of a group has no mean, and trades that all earn the same no error.
    with np.errstate(invalid="ignore", divide="ignore"):
        count = weights @ sums.count
        drawn_r, drawn_usd = weights @ sums.r / count, weights @ sums.usd / count
        error = np.nanstd(drawn_r, axis=0)
        # What the draws would be if a gate had no effect.
        without_effect = np.abs(drawn_r - mean) / error
        statistics = np.abs(mean) / error
    tested = np.array([gate != MADE for gate in gates], dtype=bool)
    largest = np.nanmax(without_effect[:, tested], axis=1, initial=0.0)
    judged = []
    for n, gate in enumerate(gates):
        of_r = interval_of(float(mean[n]), drawn_r[:, n])
        of_usd = interval_of(0.0, drawn_usd[:, n])
        statistic = float(statistics[n])
        judged.append(
            {
                "gate": gate, "mean_r_low": of_r.low, "mean_r_high": of_r.high,
                "mean_usd_low": of_usd.low, "mean_usd_high": of_usd.high,
                "p_value": _share_beyond(without_effect[:, n], statistic),
                "p_corrected": _share_beyond(largest, statistic),
            }
        )  # fmt: skip
    numbers = ("mean_r_low", "mean_r_high", "mean_usd_low", "mean_usd_high", "p_value",
               "p_corrected")  # fmt: skip
    schema = {"gate": pl.String, **dict.fromkeys(numbers, pl.Float64)}
    return pl.DataFrame(judged, schema=schema)


def _share_beyond(statistics: Floats, statistic: float) -> float:
    """The share of draws that reach the statistic, itself counted as one; never zero."""
    drawn = statistics[np.isfinite(statistics)]
    return float((1 + np.sum(drawn >= statistic)) / (1 + len(drawn)))


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


def _weights(sessions: int, draws: int) -> Floats:
    """How often each session is in each draw, shape [draws, sessions]."""
    positions = block_positions(sessions, draws=draws, block=BLOCK_SESSIONS)
    flat = positions + sessions * np.arange(len(positions))[:, None]
    counts = np.bincount(flat.ravel(), minlength=len(positions) * sessions)
    return counts.reshape(len(positions), sessions).astype(np.float64)


def _place(values: Sequence[object]) -> dict[object, int]:
    return {value: number for number, value in enumerate(values)}
