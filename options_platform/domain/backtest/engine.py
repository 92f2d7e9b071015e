"""The event loop of the backtest. Each session, in the order of live trading:

1. Cash earns interest since the previous session.
2. Exits decided on the previous close fill at this close, and expiring positions settle.
3. Entries decided on the previous close fill at this close; at a price above the plan's with fewer
   contracts, if no more fit there.
4. Exit rules are applied to this close, and early assignments after it are noted; both take effect
   in the next session.
5. Positions and account are marked: cash + positions = equity, in whole cents.
6. A loss beyond its limit trips the kill switch, as in live trading.
7. This session's planned trades are sized at the worst price of their orders and checked against
   the account's limits; those that pass are worked in the next session.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl

from options_platform.domain.backtest.book import Book
from options_platform.domain.backtest.gap_losses import spread_gap_losses
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.paths import TradePaths, trade_paths
from options_platform.domain.backtest.results import SETTLED, BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.risk import Check, Exposure, KillSwitch, refusals
from options_platform.domain.trading.exit_rules import PositionMark, exit_reason, is_due
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
        plans: rows of `trade_plan`; no-trades are ignored.
        legs: rows of `trade_plan_legs`.
        market: from :func:`make_market`; an entry fills in the session after its plan.
        rules: all settings of the backtest.
        exit_on: session in which to close each plan_id, instead of the exit rules and of early
            assignment; used to compare the same trades under other fills or costs.

    Raises:
        IncompleteDataError: a trade has no legs, or its ticker has no bars.
    """
    trades = plans.filter(
        (pl.col("decision") == "trade") & pl.col("date").is_in(market.sessions)
    ).sort("date", "ticker")
    _require_complete(trades, legs, market)
    paths = trade_paths(trades, legs, market, rules)
    loop = _Loop(trades, paths, market, rules, exit_on)
    for session_number in range(len(market.sessions)):
        loop.run_session(session_number)
    return loop.book.result()


def _require_complete(trades: pl.DataFrame, legs: pl.DataFrame, market: BacktestMarket) -> None:
    without_legs = trades.join(legs, on="plan_id", how="anti")
    if without_legs.height:
        raise IncompleteDataError(
            f"{without_legs.height} planned trades have no legs, the first is "
            f"{without_legs['plan_id'][0]}; run: options-platform backfill"
        )
    without_bars = trades.filter(~pl.col("ticker").is_in(market.tickers))
    if without_bars.height:
        raise IncompleteDataError(
            f"there are plans for {without_bars['ticker'][0]} and no bars of it; give the market "
            "of every ticker that is planned"
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

    def run_session(self, session_number: int) -> None:
        """Run one session."""
        self.book.begin(session_number)
        self._close(session_number)
        self._open(session_number)
        self._decide_exits(session_number)
        self.book.mark(session_number)
        self._watch_losses(session_number)
        self._decide_entries(session_number)

    def _close(self, session_number: int) -> None:
        for position in list(self.book.open.values()):
            at_expiry = session_number == position.last_session
            row = position.row(session_number)
            has_data = bool(self.paths.has_data[row])
            if position.exit_reason is not None and has_data and self.paths.fillable[row]:
                self.book.close(position, session_number, position.exit_reason)
            elif at_expiry:
                self.book.close(position, session_number, SETTLED if has_data else "NO_MARKET")
            elif position.exit_reason is not None and has_data:
                # The order works on: without two-sided quotes of all legs nothing fills.
                self.book.refuse(position.trade, session_number, "NO_QUOTE", math.nan, math.nan)

    def _open(self, session_number: int) -> None:
        for trade in self.working:
            row = int(self.paths.first[trade])
            if self.paths.length[trade] == 0 or not self.paths.has_data[row]:
                self.book.refuse(trade, session_number, "NO_MARKET", math.nan, math.nan)
                continue
            if self.market.days[session_number] >= self.paths.legs.first_expiry[trade]:
                self.book.refuse(trade, session_number, "EXPIRED", math.nan, math.nan)
                continue
            if not self.paths.fillable[row]:
                self.book.refuse(trade, session_number, "NO_QUOTE", math.nan, math.nan)
                continue
            price = float(self.paths.opening[row])
            limit = self.book.limit_price[trade]
            if self.rules.entry_order == "limit":
                if price > limit + CENT:
                    self.book.refuse(trade, session_number, "LIMIT_NOT_REACHED", price, limit)
                    continue
            elif price > limit and not self._fits(trade, session_number, price):
                continue
            self.book.open_position(trade, session_number, price)
        self.working = []

    def _decide_exits(self, session_number: int) -> None:
        session = self.market.sessions[session_number]
        for position in self.book.open.values():
            row = position.row(session_number)
            if position.exit_reason is not None:
                continue
            if self.exit_on is not None:
                # Decide one session early, so that the order fills in the requested session.
                exit_session = self.exit_on.get(position.plan_id)
                ahead = self.market.sessions[min(session_number + 1, len(self.market.sessions) - 1)]
                if exit_session is not None and exit_session <= ahead:
                    position.exit_reason = "FIXED"
                continue
            last_decision = self._last_decision[position.trade]
            if not self.paths.has_data[row]:
                # Without data the P&L is unknown, but the last day to decide an exit still counts.
                if self.rules.exits is not None and is_due(session, last_decision):
                    position.exit_reason = "EXPIRY_NEAR"
                continue
            if self.paths.assigned[row]:
                position.exit_reason, position.assigned_on = "ASSIGNED", session_number
                continue
            if self.rules.exits is not None:
                # A mark without quotes of this session is no evidence of a profit or a loss.
                measured = bool(self.paths.evidence[row])
                position.exit_reason = exit_reason(
                    PositionMark(
                        entry_price=position.entry_price,
                        close_price=float(self.paths.mark[row])
                        if measured
                        else position.entry_price,
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

    def _watch_losses(self, session_number: int) -> None:
        """Update the kill switch with this close; reset it after the configured wait."""
        equity, wait = self.book.equity_usd, self.rules.resume_after_sessions
        if self.switch is None:
            self.switch = KillSwitch(equity, equity)
            return
        self.switch = self.switch.after(equity, self.rules.risk.kill_switch)
        if not self.switch.halted:
            return
        if self.halted_at is None:
            self.halted_at = session_number
        elif wait is not None and session_number - self.halted_at >= wait:
            self.switch, self.halted_at = self.switch.reset(), None

    def _decide_entries(self, session_number: int) -> None:
        halted = None if self.switch is None else self.switch.tripped
        if halted is not None:
            for trade in self._planned[session_number]:
                self.book.refuse(trade, session_number, "HALTED", halted.value, halted.threshold)
            return
        if not self._planned[session_number]:
            return
        session = self.market.sessions[session_number]
        gaps = self._gap_losses(session_number)
        exposures = [
            _with_gap(self.book.exposure(position, session_number), gaps[trade], position.contracts)
            for trade, position in self.book.open.items()
        ]
        for trade in self._planned[session_number]:
            expiry = self._expiry[trade]
            if not self.rules.holds_to_expiry and self.rules.expiry.is_too_late(session, expiry):
                days = (expiry - session).days
                self.book.refuse(trade, session_number, "EXPIRY_NEAR", days, math.nan)
                continue
            if not self._fits(trade, session_number):
                continue
            entry = self.book.planned_exposure(trade)
            entry = _with_gap(entry, gaps[trade], self.book.contracts[trade])
            account_usd = self.rules.account_usd(self.book.equity_usd)
            broken = refusals(entry, exposures, account_usd, self.rules.risk)
            reserved = entry.max_loss_usd + sum(exposure.max_loss_usd for exposure in exposures)
            power = Check("BUYING_POWER", reserved, self.book.equity_usd)
            if self.rules.buying_power and not power.passed:
                broken.append(power)
            for check in broken:
                self.book.refuse(trade, session_number, check.code, check.value, check.threshold)
            if not broken:
                self.working.append(trade)
                exposures.append(entry)

    def _gap_losses(self, session_number: int) -> dict[int, tuple[float, ...]]:
        """What one spread of each open and each planned trade loses in a gap."""
        trades = [*self.book.open, *self._planned[session_number]]
        if self.rules.risk.gap.max_loss_pct is None:
            return dict.fromkeys(trades, ())
        tickers = {trade: self.book.ticker[trade] for trade in trades}
        return spread_gap_losses(tickers, session_number, self.paths, self.market, self.rules)

    def _fits(self, trade: int, session_number: int, price: float | None = None) -> bool:
        """Reduce a trade to what the last mark's equity allows; False if no contract fits.

        `price` is that of its fill, USD a share; see :meth:`Book.size_of`.
        """
        if self.rules.sizing is None:
            return True
        size = self.book.size_of(trade, self.rules.sizing, price)
        if size.contracts < 1:
            self.book.refuse(trade, session_number, "RISK_BUDGET", size.loss_usd, size.budget_usd)
            return False
        self.book.resize(trade, size.contracts)
        return True


def _with_gap(exposure: Exposure, one_spread: tuple[float, ...], contracts: int) -> Exposure:
    """The exposure with the losses of its spreads in a gap."""
    if not one_spread:
        return exposure
    return replace(exposure, gap_usd=tuple(loss * contracts for loss in one_spread))
