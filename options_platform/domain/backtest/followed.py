"""Refused trades, each followed to its end as if it had been made beside the account as it was.

The account runs as in `run_backtest`. Beside it every trade that it, or a rule of the plan, refused
is asked, sized, filled, managed and closed by the same functions, at the same prices. None of them
adds to the account or to each other: each is the one trade that its gate kept out. What the account
was is what it was known to be at that moment, so a refused trade is the same in any longer run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from options_platform.domain.backtest.engine import EventLoop
from options_platform.domain.backtest.entries import require_complete, trades_within
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.paths import trade_paths
from options_platform.domain.backtest.results import TRADES, BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.risk import Check

NO_FILL = {
    "NO_MARKET": "the session of the fill has no bar or no index",
    "NO_QUOTE": "no two-sided quotes of its legs to fill at",
    "EXPIRED": "a leg had expired by the session of the fill",
    "SPLIT": "a split replaced its contracts before the session of the fill",
    "BAD_FILL": "at the price of the fill no profit, or no loss, was possible any more",
    "NO_SESSION_YET": "the session of the fill comes after the last one",
    "STILL_OPEN": "the trade has not ended by the last session",
    "EXPIRES_LATER": "it has ended, but expires after the last session, as those still open do",
}
"""Why a refused trade cannot be followed to an end, or has no part in a price, by code."""

FOLLOWED = pl.Schema(
    {
        "date": pl.Date(),
        "ticker": pl.String(),
        "gate": pl.String(),
        "later_gates": pl.List(pl.String),
        "not_followed": pl.String(),
        "chain_source": pl.String(),
        **{
            name: TRADES[name]
            for name in TRADES.names()
            if name not in ("plan_id", "ticker", "planned_on")
        },
    }
)
"""One row per refused trade: session of its plan, the first gate that refused it, the others that
would have, and why it was not followed to its end, null where it was; then what became of it, with
`chain_source` as in `SOURCES` and the others as in `TRADES`, null where it was not opened."""


@dataclass(frozen=True)
class FollowedRun:
    """The account's own result, and its refused trades as rows of `FOLLOWED`."""

    result: BacktestResult
    refused: pl.DataFrame


def follow_refused(
    plans: pl.DataFrame,
    legs: pl.DataFrame,
    let_through: pl.DataFrame,
    their_legs: pl.DataFrame,
    market: BacktestMarket,
    rules: BacktestRules,
) -> FollowedRun:
    """Trade `plans` as `run_backtest` does, and follow what was refused.

    Args:
        plans: rows of `trade_plan`.
        legs: rows of `trade_plan_legs`.
        let_through: trades that rules of the plan refused, as rows of `trade_plan` with `gates`,
            the codes of these rules in the order in which they are asked.
        their_legs: the legs of `let_through`.
        market: as for `run_backtest`.
        rules: likewise.

    Raises:
        IncompleteDataError: as `run_backtest`.
        ValueError: the rules have several sets in the account.
    """
    if rules.sets:
        raise ValueError(
            "refused trades are followed beside an account of one rule set, not "
            f"{len(rules.sets)}; price each set alone"
        )
    own = plans.with_columns(gates=pl.lit([], pl.List(pl.String)))
    trades = trades_within(pl.concat([own, let_through.select(own.columns)]), market)
    every_leg = pl.concat([legs, their_legs])
    require_complete(trades, every_leg, market)
    paths = trade_paths(trades, every_leg, market, rules)
    sent = trades["gates"].list.len().to_numpy() == 0
    account = EventLoop(trades, paths, market, rules, sent=sent)
    beside = _Beside(trades, paths, market, rules, account=account)
    for session_number in range(len(market.sessions)):
        beside.trade_session(session_number)
        account.run_session(session_number)
        beside.ask_entries(session_number)
    result = account.book.result()
    return FollowedRun(result, beside.rows(result))


@dataclass
class _Beside(EventLoop):
    """Each refused trade alone, beside `account`; `sent` here are all trades.

    The book's cash means nothing; its equity is that of the account, by which trades are sized.
    """

    account: EventLoop = field(kw_only=True)
    gates: list[list[str]] = field(init=False)
    not_followed: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.gates = self.trades["gates"].to_list()

    def trade_session(self, session_number: int) -> None:
        """Fill exits and entries in this session, and decide exits, before the account does."""
        self._close(session_number)
        self._open(session_number)
        self._decide_exits(session_number)

    def ask_entries(self, session_number: int) -> None:
        """Ask every gate about the trades planned in this session, after the account's mark."""
        self.book.equity = self.account.book.equity
        planned = self._planned[session_number]
        if not planned:
            return
        account = self.account.account_for(planned, session_number)
        for trade in planned:
            for stage in self.entry_refusals(trade, session_number, account):
                self._add(trade, *stage)
            self.working.append(trade)
            if not self.gates[trade]:
                # The account sent it, so that it counts for those asked after it.
                account.add(self.entry_exposure(trade, account), self.book.rule_set[trade])

    def _open(self, session_number: int) -> None:
        for trade in self.working:
            for check in self.fill_refusals(trade, session_number):
                if check.code in NO_FILL:
                    self.not_followed[trade] = check.code
                self._add(trade, check)
            if not self.gates[trade] or trade in self.not_followed:
                continue
            self.book.open_position(trade, session_number, self.opening_price(trade))
            if trade not in self.book.open:
                self.not_followed[trade] = "BAD_FILL"
        self.working = []

    def _resize(self, trade: int, price: float | None = None) -> Check | None:
        """As for the account; where no contract fits, the smallest trade is followed: one."""
        too_large = super()._resize(trade, price)
        if too_large is not None:
            self.book.resize(trade, 1)
        return too_large

    def opposed(self, trade: int) -> int:
        """Only what the account holds is on the other side of a trade, not what it refused."""
        return self.account.opposed(trade)

    def _add(self, trade: int, *checks: Check) -> None:
        gates = self.gates[trade]
        gates += [check.code for check in checks if check.code not in gates]

    def rows(self, result: BacktestResult) -> pl.DataFrame:
        """The refused trades as rows of `FOLLOWED`; `result` is that of the account."""
        self._add_bad_fills(result)
        for trade in self.working:
            self.not_followed[trade] = "NO_SESSION_YET"
        refused = [trade for trade, gates in enumerate(self.gates) if gates]
        asked = (
            self.trades[refused]
            .select("plan_id", "date", "ticker", "strategy")
            .with_columns(
                gates=pl.Series([self.gates[trade] for trade in refused], dtype=pl.List(pl.String)),
                not_followed=pl.Series(
                    [self.not_followed.get(trade) for trade in refused], dtype=pl.String
                ),
            )
        )
        followed = self.book.result()
        sources = followed.sources.select("plan_id", "chain_source")
        ended = followed.trades.drop("ticker", "strategy").join(sources, on="plan_id")
        is_open = pl.col("opened_on").is_not_null() & pl.col("closed_on").is_null()
        return (
            asked.join(ended, on="plan_id", how="left", maintain_order="left")
            .with_columns(
                gate=pl.col("gates").list.first(),
                later_gates=pl.col("gates").list.slice(1),
                not_followed=pl.when(is_open).then(pl.lit("STILL_OPEN")).otherwise("not_followed"),
            )
            .select(FOLLOWED.names())
            .sort("date", "ticker")
        )

    def _add_bad_fills(self, result: BacktestResult) -> None:
        """Entries that the account sent, and whose fill left nothing to gain or to lose."""
        bad = result.refusals.filter(rule="BAD_FILL")["plan_id"]
        for trade in np.flatnonzero(self.trades["plan_id"].is_in(bad.implode())).tolist():
            self._add(trade, Check("BAD_FILL", 0.0, 0.0))
            self.not_followed[trade] = "BAD_FILL"
