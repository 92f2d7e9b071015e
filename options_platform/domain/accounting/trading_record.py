"""The record of paper trading: how well, at what prices, and whether the backtest would agree.

The journal has one row a position. Drift compares it, plan by plan, with the backtest of the same
stored plans over the ledger's sessions: what differs is what the backtest does not know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from options_platform.domain.accounting.fills import fill_rows
from options_platform.domain.accounting.position_days import position_paths
from options_platform.domain.accounting.snapshot import LedgerSnapshot
from options_platform.domain.backtest import (
    AssignmentRules,
    BacktestMarket,
    BacktestRules,
    run_backtest,
)
from options_platform.domain.backtest.targets import SEED_TARGETS
from options_platform.domain.backtest.trade_metrics import trade_intervals
from options_platform.domain.statistics.bootstrap import Interval
from options_platform.domain.trading.orders import SHARES

FEWEST_TRADES = 30
MET, MISSED, OPEN, TOO_FEW = "met", "missed", "open", "too few"
SAME, DIFFERS, ONLY_PAPER, ONLY_BACKTEST = "same", "differs", "only paper", "only backtest"
CENT = 0.01
PRICE_CENT = 1e-6
TARGETS = {name: SEED_TARGETS[name] for name in ("win_rate", "profit_factor")}

JOURNAL_SCHEMA = pl.Schema(
    {
        "position_id": pl.String,
        "plan_id": pl.String,
        "ticker": pl.String,
        "strategy": pl.String,
        "planned_on": pl.Date,
        "opened_on": pl.Date,
        "closed_on": pl.Date,
        "contracts": pl.Int64,
        "planned_price": pl.Float64,
        "entry_price": pl.Float64,
        "exit_price": pl.Float64,
        "exit_reason": pl.String,
        "fees_usd": pl.Float64,
        "pnl_usd": pl.Float64,
        "max_loss_usd": pl.Float64,
        "slippage_usd": pl.Float64,
        "against_model_usd": pl.Float64,
    }
)
DRIFT_SCHEMA = pl.Schema(
    {
        "plan_id": pl.String,
        "ticker": pl.String,
        "state": pl.String,
        "opened_on": pl.Date,
        "opened_on_backtest": pl.Date,
        "closed_on": pl.Date,
        "closed_on_backtest": pl.Date,
        "exit_reason": pl.String,
        "exit_reason_backtest": pl.String,
        "entry_difference": pl.Float64,
        "exit_difference": pl.Float64,
        "pnl_difference_usd": pl.Float64,
    }
)


@dataclass(frozen=True)
class Record:
    """The record of one account.

    `journal` and `drift` have the schemas above; `targets` has metric, value, low, high, target
    and state (met, missed, open, too few). In the journal `slippage_usd` is what the entry cost
    beyond the plan's price, `against_model_usd` what all fills cost beyond the fill model's; None
    where the order took no limit, or was not priced. `later` trades have a fill after the newest
    marked session, and are compared once its own is: drift leaves them out.
    """

    journal: pl.DataFrame
    targets: pl.DataFrame
    drift: pl.DataFrame
    later: int = 0

    @property
    def closed(self) -> pl.DataFrame:
        """The journal's ended trades in the order of their closing."""
        return self.journal.drop_nulls("closed_on").sort("closed_on", "position_id")


def make_record(
    held: LedgerSnapshot,
    plans: pl.DataFrame,
    legs: pl.DataFrame,
    market: BacktestMarket | None,
    rules: BacktestRules,
) -> Record:
    """The record of a ledger.

    Args:
        held: the ledger.
        plans: stored rows of `trade_plan` of the ledger's sessions.
        legs: their rows of `trade_plan_legs`.
        market: of all their tickers, from the first of these sessions on; None without any.
        rules: those of the backtest; it is replayed as paper trading works: entries at the plan's
            price or better, no early assignment, halts that only a person lifts.
    """
    journal = journal_of(held, market, rules)
    drift, later = pl.DataFrame(schema=DRIFT_SCHEMA), 0
    if market is not None and not held.marks.is_empty():
        first, last = held.marks["session"].min(), held.marks["session"].max()
        inside = plans.filter(pl.col("date").is_between(first, last))
        until = _until(market, last)
        tested = run_backtest(inside, legs, until, as_paper(rules)).trades
        traded = fill_rows(held).filter(pl.col("date") > last)
        moved = journal.filter(pl.col("position_id").is_in(traded["position_id"].unique()))
        unmoved = [rows.join(moved, on=["plan_id", "ticker"], how="anti", maintain_order="left")
                   for rows in (journal, tested)]  # fmt: skip
        drift, later = drift_of(*unmoved), moved.height
    closed = journal.drop_nulls("closed_on").sort("closed_on", "position_id")
    return Record(journal, targets_of(closed["pnl_usd"].to_numpy()), drift, later)


def as_paper(rules: BacktestRules) -> BacktestRules:
    """The backtest's rules, as paper trading works."""
    return replace(
        rules,
        assignment=AssignmentRules(enabled=False),
        entry_order="limit",
        buying_power=False,
        resume_after_sessions=None,
    )


def journal_of(
    held: LedgerSnapshot, market: BacktestMarket | None, rules: BacktestRules
) -> pl.DataFrame:
    """One row a position, `JOURNAL_SCHEMA`, in the order of opening."""
    if not held.positions or market is None:
        return pl.DataFrame(schema=JOURNAL_SCHEMA)
    entries = {}
    for order in sorted(held.orders, key=lambda o: (o.session, o.attempt), reverse=True):
        if order.purpose == "entry":
            # The first attempt has the plan's own price.
            entries[order.position_id] = order
    rows = []
    for own in held.positions:
        entry = entries.get(own.position_id)
        planned = None if entry is None else entry.limit_price
        rows.append(
            {
                **{name: getattr(own, name) for name in JOURNAL_SCHEMA if hasattr(own, name)},
                "plan_id": None if entry is None else entry.plan_id,
                "planned_on": None if entry is None else entry.session,
                "planned_price": planned,
                "pnl_usd": own.profit_usd,
                "slippage_usd": None
                if planned is None
                else (own.entry_price - planned) * own.units,
                "against_model_usd": None,
            }
        )
    journal = pl.DataFrame(rows, schema=JOURNAL_SCHEMA)
    beside = fills_against_model(held, market, rules)
    known = pl.col("against_model_usd").drop_nulls()
    sums = beside.group_by("position_id").agg(known=pl.when(known.len() > 0).then(known.sum()))
    return (
        journal.join(sums, on="position_id", how="left", maintain_order="left")
        .with_columns(against_model_usd="known")
        .drop("known")
    )


def fills_against_model(
    held: LedgerSnapshot, market: BacktestMarket, rules: BacktestRules
) -> pl.DataFrame:
    """The rows of `fills`, with `model_price`, the price of the backtest's fill model at the
    session's close, and `against_model_usd`, what the fill cost beyond it; both are null for single
    legs and shares."""
    paths = position_paths(held, market, rules).select("position_id", "date", "opening", "closing")
    is_entry = pl.col("purpose") == "entry"
    # Undoing the legs costs what closing brings, with the other sign; of single legs and of shares
    # the model has no price.
    of_spreads = pl.when(pl.col("purpose") == "exit").then(-pl.col("closing"))
    model = pl.when(is_entry).then("opening").otherwise(of_spreads)
    rows = fill_rows(held).join(paths, on=["position_id", "date"], how="left")
    rows = rows.with_columns(model_price=model).drop("opening", "closing")
    beyond = (pl.col("price") - pl.col("model_price")) * SHARES * pl.col("contracts")
    return rows.with_columns(against_model_usd=beyond)


def targets_of(profit: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> pl.DataFrame:
    """metric, value, low, high, target, state of the profits of ended trades, USD.

    Intervals are of the trade bootstrap. With fewer than 30 trades the rates judge nothing. A rate
    is met if its whole interval lies above the target, missed if none of it does, else open.
    """
    enough = len(profit) >= FEWEST_TRADES
    rows = [("trades", float(len(profit)), None, None, float(FEWEST_TRADES),
             MET if enough else TOO_FEW)]  # fmt: skip
    found = trade_intervals(profit)
    for name, target in TARGETS.items():
        own = found.get(name, Interval(float("nan"), float("nan"), float("nan")))
        # Without a loss the profit factor has no value, and no target is too high for it.
        above = own.low > target or (name == "profit_factor" and not (profit < 0).any())
        judged = MET if above else MISSED if own.high <= target else OPEN
        state = judged if enough else TOO_FEW
        rows.append((name, own.value, own.low, own.high, target, state))  # type: ignore[arg-type]
    schema = {"metric": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
              "target": pl.Float64, "state": pl.String}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row").fill_nan(None)


def drift_of(journal: pl.DataFrame, backtest: pl.DataFrame) -> pl.DataFrame:
    """Trade by trade the journal less the backtest's trades, `DRIFT_SCHEMA`, differences first.

    A trade is the same if its sessions and its reason are, its prices to a hundredth of a cent,
    and its profit to a cent.
    """
    keys = ["plan_id", "ticker"]
    shown = [*keys, "opened_on", "closed_on", "exit_reason", "entry_price", "exit_price", "pnl_usd"]
    rows = (
        journal.select(shown, paper=True)
        .join(backtest.select(shown, tested=True), on=keys, how="full", coalesce=True,
              suffix="_backtest")
        .with_columns(
            entry_difference=pl.col("entry_price") - pl.col("entry_price_backtest"),
            exit_difference=pl.col("exit_price") - pl.col("exit_price_backtest"),
            pnl_difference_usd=pl.col("pnl_usd") - pl.col("pnl_usd_backtest"),
        )
    )  # fmt: skip
    same = pl.all_horizontal(
        *(
            pl.col(name).eq_missing(pl.col(f"{name}_backtest"))
            for name in ("opened_on", "closed_on", "exit_reason")
        ),
        pl.col("entry_difference").abs() <= PRICE_CENT,
        (pl.col("exit_difference").abs() <= PRICE_CENT).fill_null(value=True),
        pl.col("pnl_difference_usd").abs() <= CENT,
    )
    state = (
        pl.when(pl.col("tested").is_null())
        .then(pl.lit(ONLY_PAPER))
        .when(pl.col("paper").is_null())
        .then(pl.lit(ONLY_BACKTEST))
        .when(same)
        .then(pl.lit(SAME))
        .otherwise(pl.lit(DIFFERS))
    )
    when = pl.coalesce("opened_on", "opened_on_backtest")
    return (
        rows.with_columns(state=state)
        .sort(pl.col("state") == SAME, when, "plan_id")
        .select(DRIFT_SCHEMA.names())
    )


def _until(market: BacktestMarket, last: object) -> BacktestMarket:
    """The market up to the ledger's newest session: later ones are not traded yet."""
    count = sum(day <= last for day in market.sessions)  # type: ignore[operator]
    return replace(
        market,
        sessions=market.sessions[:count],
        close=market.close[:count],
        factor=market.factor[:count],
        dividend=market.dividend[:count],
        index=market.index[:count],
        interest=market.interest[:count],
        yield_stale=market.yield_stale[:count],
        adjusted=None if market.adjusted is None else market.adjusted[:count],
        term_ratios=None if market.term_ratios is None else market.term_ratios[:, :count],
        short_rate=None if market.short_rate is None else market.short_rate[:count],
        next_dividend=None if market.next_dividend is None else market.next_dividend[:count],
        sessions_to_ex_date=None
        if market.sessions_to_ex_date is None
        else market.sessions_to_ex_date[:count],
    )
