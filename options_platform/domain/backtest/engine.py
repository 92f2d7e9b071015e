"""The event loop. Each session, in the order of live trading:

1. Cash earns its interest since the session before.
2. What must go is closed at this close: exits decided on the close before, then expiries.
3. Entries decided on the close before are filled at this close.
4. Exit rules look at this close; assignments after it are noted. Both act in the next session.
5. Positions and account are marked: cash + positions = equity, in whole cents.
6. Losses beyond their limits trip the kill switch, as they do live.
7. This session's planned trades pass the account's limits, and work in the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl

from options_platform.domain.backtest.book import Book
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.paths import TradePaths, trade_paths
from options_platform.domain.backtest.results import SETTLED, BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.risk import Check, KillSwitch, refusals
from options_platform.domain.trading.exits import PositionMark, exit_reason, is_due
from options_platform.errors import IncompleteDataError

CENT = 0.005


def run_backtest(
    plans: pl.DataFrame,
    legs: pl.DataFrame,
    market: BacktestMarket,
    rules: BacktestRules,
    exit_on: Mapping[str, date] | None = None,
) -> BacktestResult:
    """Trade `plans` through the sessions of `market`.

    Args:
        plans: rows of `trade_plan`; no-trades are passed over.
        legs: rows of `trade_plan_legs`.
        market: from :func:`make_market`; trades are filled from the session after their plan.
        rules: all settings.
        exit_on: by plan_id the session to close on, in place of the exit rules and of early
            assignment; for comparing the same trades under other fills or costs.

    Raises :class:`IncompleteDataError` for a trade without legs or without bars of its ticker.
    """
    trades = plans.filter(
        (pl.col("decision") == "trade") & pl.col("date").is_in(market.sessions)
    ).sort("date", "ticker")
    _require_complete(trades, legs, market)
    paths = trade_paths(trades, legs, market, rules)
    loop = _Loop(trades, paths, market, rules, exit_on)
    for number in range(len(market.sessions)):
        loop.run_session(number)
    return loop.book.result()


def _require_complete(trades: pl.DataFrame, legs: pl.DataFrame, market: BacktestMarket) -> None:
    bare = trades.join(legs, on="plan_id", how="anti")
    if bare.height:
        raise IncompleteDataError(
            f"{bare.height} planned trades have no legs, the first is {bare['plan_id'][0]}; "
            "run: options-platform backfill"
        )
    unknown = trades.filter(~pl.col("ticker").is_in(market.tickers))
    if unknown.height:
        raise IncompleteDataError(
            f"there are plans for {unknown['ticker'][0]} and no bars of it; give the market of "
            "every ticker that is planned"
        )


@dataclass
class _Loop:
    trades: pl.DataFrame
    paths: TradePaths
    market: BacktestMarket
    rules: BacktestRules
    exit_on: Mapping[str, date] | None
    book: Book = field(init=False)
    working: list[int] = field(default_factory=list)
    switch: KillSwitch | None = None
    halted_at: int | None = None

    def __post_init__(self) -> None:
        self.book = Book(self.trades, self.paths, self.market, self.rules)
        planned = self.paths.entry - 1
        order = np.argsort(planned, kind="stable")
        bounds = np.searchsorted(planned[order], np.arange(len(self.market.sessions) + 1))
        self._planned = [order[a:b].tolist() for a, b in pairwise(bounds)]
        self._expiry: list[date] = self.paths.legs.first_expiry.tolist()
        self._last_decision = [self.rules.expiry.last_decision(day) for day in self._expiry]

    def run_session(self, number: int) -> None:
        """Everything of one session."""
        self.book.begin(number)
        self._close(number)
        self._open(number)
        self._decide_exits(number)
        self.book.mark(number)
        self._watch_losses(number)
        self._decide_entries(number)

    def _close(self, number: int) -> None:
        for position in list(self.book.open.values()):
            at_expiry = number == position.last_session
            if position.exit_reason is not None and self.paths.known[position.row(number)]:
                self.book.close(position, number, position.exit_reason)
            elif at_expiry:
                settled = bool(self.paths.known[position.row(number)])
                self.book.close(position, number, SETTLED if settled else "NO_MARKET")

    def _open(self, number: int) -> None:
        for trade in self.working:
            row = int(self.paths.first[trade])
            if self.paths.length[trade] == 0 or not self.paths.known[row]:
                self.book.refuse(trade, number, "NO_MARKET", float("nan"), float("nan"))
                continue
            if self.market.days[number] >= self.paths.legs.first_expiry[trade]:
                self.book.refuse(trade, number, "EXPIRED", float("nan"), float("nan"))
                continue
            price = float(self.paths.opening[row])
            limit = self.book.limit_price[trade]
            if self.rules.entry_order == "limit" and price > limit + CENT:
                self.book.refuse(trade, number, "LIMIT_NOT_REACHED", price, limit)
                continue
            self.book.open_position(trade, number, price)
        self.working = []

    def _decide_exits(self, number: int) -> None:
        session = self.market.sessions[number]
        for position in self.book.open.values():
            row = position.row(number)
            if position.exit_reason is not None:
                continue
            if self.exit_on is not None:
                # The order works in the session that is asked for.
                wanted = self.exit_on.get(position.plan_id)
                ahead = self.market.sessions[min(number + 1, len(self.market.sessions) - 1)]
                if wanted is not None and wanted <= ahead:
                    position.exit_reason = "FIXED"
                continue
            last_decision = self._last_decision[position.trade]
            if not self.paths.known[row]:
                # Nothing is known of profit and loss; the calendar goes on.
                if self.rules.exits is not None and is_due(session, last_decision):
                    position.exit_reason = "EXPIRY_NEAR"
                continue
            if self.paths.assigned[row]:
                position.exit_reason, position.assigned_on = "ASSIGNED", number
                continue
            if self.rules.exits is not None:
                position.exit_reason = exit_reason(
                    PositionMark(
                        entry_price=position.entry_price,
                        close_price=float(self.paths.mark[row]),
                        max_loss=position.max_loss_usd / position.units,
                        max_profit=position.max_profit_usd / position.units,
                        entry_dte=position.entry_dte,
                        expiry=position.expiry,
                        session=session,
                        last_decision_on=last_decision,
                        before_ex_date=bool(self.paths.before_ex_date[row]),
                    ),
                    self.rules.exits,
                )

    def _watch_losses(self, number: int) -> None:
        """Move the kill switch by this close; reset it once a person would have."""
        equity, wait = self.book.equity_usd, self.rules.resume_after_sessions
        if self.switch is None:
            self.switch = KillSwitch(equity, equity)
            return
        self.switch = self.switch.after(equity, self.rules.risk.kill_switch)
        if not self.switch.halted:
            return
        if self.halted_at is None:
            self.halted_at = number
        elif wait is not None and number - self.halted_at >= wait:
            self.switch, self.halted_at = self.switch.reset(), None

    def _decide_entries(self, number: int) -> None:
        halted = None if self.switch is None else self.switch.tripped
        if halted is not None:
            for trade in self._planned[number]:
                self.book.refuse(trade, number, "HALTED", halted.value, halted.threshold)
            return
        session = self.market.sessions[number]
        held = [self.book.exposure(position, number) for position in self.book.open.values()]
        for trade in self._planned[number]:
            expiry = self._expiry[trade]
            if not self.rules.holds_to_expiry and self.rules.expiry.is_too_late(session, expiry):
                days = (expiry - session).days
                self.book.refuse(trade, number, "EXPIRY_NEAR", days, float("nan"))
                continue
            if not self._fits(trade, number):
                continue
            entry = self.book.planned_exposure(trade)
            account_usd = self.rules.account_usd(self.book.equity_usd)
            broken = refusals(entry, held, account_usd, self.rules.risk)
            reserved = entry.max_loss_usd + sum(exposure.max_loss_usd for exposure in held)
            power = Check("BUYING_POWER", reserved, self.book.equity_usd)
            if self.rules.buying_power and not power.passed:
                broken.append(power)
            for check in broken:
                self.book.refuse(trade, number, check.code, check.value, check.threshold)
            if not broken:
                self.working.append(trade)
                held.append(entry)

    def _fits(self, trade: int, number: int) -> bool:
        """Cut a planned trade to what the equity of this close allows; False if nothing is left."""
        if self.rules.sizing is None:
            return True
        size = self.book.size_of(trade, self.rules.sizing)
        if size.contracts < 1:
            self.book.refuse(trade, number, "RISK_BUDGET", size.loss_usd, size.budget_usd)
            return False
        self.book.resize(trade, size.contracts)
        return True
