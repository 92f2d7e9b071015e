"""The trading record: results, fill prices, and drift from the backtest.

The journal has one row per position. Drift compares it, plan by plan, with a backtest of the same
stored plans over the ledger's sessions; a difference is something that the backtest does not model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from options_platform.domain.accounting.fills import fill_rows
from options_platform.domain.accounting.position_days import position_paths
from options_platform.domain.accounting.snapshot import LedgerSnapshot
from options_platform.domain.backtest import (
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
        "rule_set": pl.String,
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
    """The trading record of one account.

    `journal` has `JOURNAL_SCHEMA`: `slippage_usd` is the cost of the entry beyond the planned price
    (null without a limit), `against_model_usd` the cost of all fills beyond the fill model's prices
    (null if the model has none). `drift` has `DRIFT_SCHEMA`; `targets` the columns metric, value,
    low, high, target and state (met, missed, open, too few). `later` counts trades with a fill
    after the newest marked session; drift leaves them out until that session is marked.
    """

    journal: pl.DataFrame
    targets: pl.DataFrame
    drift: pl.DataFrame
    later: int = 0

    @property
    def by_set(self) -> pl.DataFrame:
        """What each rule set has made, the one with most trades first.

        Columns rule_set, trades, open, win_rate (of the closed ones, null without any), pnl_usd (of
        all, open ones at their marks), closed_pnl_usd, fees_usd and slippage_usd.
        """
        is_closed = pl.col("closed_on").is_not_null()
        return (
            self.journal.group_by("rule_set")
            .agg(
                trades=pl.len(),
                open=(~is_closed).sum(),
                win_rate=(pl.col("pnl_usd") > 0).filter(is_closed).mean(),
                pnl_usd=pl.col("pnl_usd").sum(),
                closed_pnl_usd=pl.col("pnl_usd").filter(is_closed).sum(),
                fees_usd=pl.col("fees_usd").sum(),
                slippage_usd=pl.col("slippage_usd").sum(),
            )
            .sort("trades", "rule_set", descending=[True, False])
        )

    @property
    def closed(self) -> pl.DataFrame:
        """Closed trades of the journal, in the order of their exits."""
        return self.journal.drop_nulls("closed_on").sort("closed_on", "position_id")


def make_record(
    ledger: LedgerSnapshot,
    plans: pl.DataFrame,
    legs: pl.DataFrame,
    market: BacktestMarket | None,
    rules: BacktestRules,
    alternates: pl.DataFrame | None = None,
) -> Record:
    """The trading record of a ledger.

    Args:
        ledger: content of the order ledger.
        plans: stored rows of `trade_plan` for the ledger's sessions.
        legs: their rows of `trade_plan_legs`.
        market: market of all their tickers from the first of these sessions on; None if there is
            none.
        rules: rules of the backtest, which is run as paper trading works; see :func:`as_paper`.
        alternates: stored rows of `plan_alternates`, whose legs are among `legs`.
    """
    journal = journal_of(ledger, market, rules)
    drift, later = pl.DataFrame(schema=DRIFT_SCHEMA), 0
    if market is not None and not ledger.marks.is_empty():
        first, last = ledger.marks["session"].min(), ledger.marks["session"].max()
        inside = plans.filter(pl.col("date").is_between(first, last))
        until = _until(market, last)
        paper = as_paper(rules)
        tested = run_backtest(inside, legs, until, paper, alternates=alternates).trades
        traded = fill_rows(ledger).filter(pl.col("date") > last)
        moved = journal.filter(
            pl.col("position_id").is_in(traded["position_id"].unique().implode())
        )
        unmoved = [rows.join(moved, on=["plan_id", "ticker"], how="anti", maintain_order="left")
                   for rows in (journal, tested)]  # fmt: skip
        drift, later = drift_of(*unmoved), moved.height
    closed = journal.drop_nulls("closed_on").sort("closed_on", "position_id")
    return Record(journal, targets_of(closed["pnl_usd"].to_numpy()), drift, later)


def as_paper(rules: BacktestRules) -> BacktestRules:
    """Backtest rules that match paper trading.

    Entries are limit orders at the planned price, there is no buying power check, and only a person
    lifts a halt.
    """
    return replace(
        rules,
        entry_order="limit",
        buying_power=False,
        resume_after_sessions=None,
    )


def journal_of(
    ledger: LedgerSnapshot, market: BacktestMarket | None, rules: BacktestRules
) -> pl.DataFrame:
    """One row per position in `JOURNAL_SCHEMA`, in the order of opening."""
    if not ledger.positions or market is None:
        return pl.DataFrame(schema=JOURNAL_SCHEMA)
    entries = {}
    for order in sorted(ledger.orders, key=lambda o: (o.session, o.attempt), reverse=True):
        if order.purpose == "entry":
            # The limit of the first attempt is the planned price.
            entries[order.position_id] = order
    rows = []
    for position in ledger.positions:
        entry = entries.get(position.position_id)
        planned_price = None if entry is None else entry.limit_price
        rows.append(
            {
                **{
                    name: getattr(position, name)
                    for name in JOURNAL_SCHEMA
                    if hasattr(position, name)
                },
                "plan_id": None if entry is None else entry.plan_id,
                "planned_on": None if entry is None else entry.session,
                "planned_price": planned_price,
                "pnl_usd": position.profit_usd,
                "slippage_usd": None
                if planned_price is None
                else (position.entry_price - planned_price) * position.units,
                "against_model_usd": None,
            }
        )
    journal = pl.DataFrame(rows, schema=JOURNAL_SCHEMA)
    compared_fills = fills_against_model(ledger, market, rules)
    costs = pl.col("against_model_usd").drop_nulls()
    sums = compared_fills.group_by("position_id").agg(
        cost_usd=pl.when(costs.len() > 0).then(costs.sum())
    )
    return (
        journal.join(sums, on="position_id", how="left", maintain_order="left")
        .with_columns(against_model_usd="cost_usd")
        .drop("cost_usd")
    )


def fills_against_model(
    ledger: LedgerSnapshot, market: BacktestMarket, rules: BacktestRules
) -> pl.DataFrame:
    """Rows of `fills` with `model_price` and `against_model_usd`.

    `model_price` is the price of the backtest's fill model at the session's close (USD a share),
    `against_model_usd` the cost of the fill beyond it; both are null for single legs and shares.
    """
    paths = position_paths(ledger, market, rules).select(
        "position_id", "date", "opening", "closing"
    )
    is_entry = pl.col("purpose") == "entry"
    # The price of an exit order has the opposite sign of `closing`; the model does not price single
    # legs and shares.
    of_spreads = pl.when(pl.col("purpose") == "exit").then(-pl.col("closing"))
    model = pl.when(is_entry).then("opening").otherwise(of_spreads)
    rows = fill_rows(ledger).join(paths, on=["position_id", "date"], how="left")
    rows = rows.with_columns(model_price=model).drop("opening", "closing")
    beyond = (pl.col("price") - pl.col("model_price")) * SHARES * pl.col("contracts")
    return rows.with_columns(against_model_usd=beyond)


def targets_of(profit: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> pl.DataFrame:
    """Win rate and profit factor against their targets: metric, value, low, high, target, state.

    `profit` are the profits of closed trades, USD. Intervals come from bootstrapping trades. With
    fewer than 30 trades the state is `too few`. A target is met if the whole interval is above it,
    missed if the whole interval is at or below it, otherwise open.
    """
    enough = len(profit) >= FEWEST_TRADES
    rows = [("trades", float(len(profit)), None, None, float(FEWEST_TRADES),
             MET if enough else TOO_FEW)]  # fmt: skip
    intervals = trade_intervals(profit)
    for name, target in TARGETS.items():
        interval = intervals.get(name, Interval(float("nan"), float("nan"), float("nan")))
        # Without a losing trade the profit factor is undefined and counts as above any target.
        above = interval.low > target or (name == "profit_factor" and not (profit < 0).any())
        judged = MET if above else MISSED if interval.high <= target else OPEN
        state = judged if enough else TOO_FEW
        rows.append((name, interval.value, interval.low, interval.high, target, state))  # type: ignore[arg-type]
    schema = {"metric": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
              "target": pl.Float64, "state": pl.String}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row").fill_nan(None)


def drift_of(journal: pl.DataFrame, backtest: pl.DataFrame) -> pl.DataFrame:
    """Journal minus backtest, trade by trade, in `DRIFT_SCHEMA`; trades that differ come first.

    Two trades are the same if sessions and exit reason are equal, prices agree to 1e-6 USD and
    profits to a cent.
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
    """The market up to the newest session in the ledger; later sessions are not traded yet."""
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
        odd_split=None if market.odd_split is None else market.odd_split[:count],
        sessions_to_ex_date=None
        if market.sessions_to_ex_date is None
        else market.sessions_to_ex_date[:count],
    )
