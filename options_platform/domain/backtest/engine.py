"""The event loop of the backtest. Each session, in the order of live trading:

1. Cash earns interest since the previous session.
2. Exits decided on the previous close fill at this close, unless that is beyond the worst price of
   their orders, and expiring positions settle. Those before a report fill at the far side.
3. Entries decided on the previous close fill at this close; at a price above the plan's with fewer
   contracts, if no more fit there.
4. Exit rules are applied to this close, and early assignments after it are noted; both take effect
   in the next session.
5. Positions and account are marked: cash + positions = equity, in whole cents.
6. A loss beyond its limit trips the kill switch, as in live trading.
7. This session's planned trades are sized at the worst price of their orders and checked against
   the account's limits; those that pass are worked in the next session.

Where several rule sets trade the account, each trade is sized and left by the rules of its own set,
and the entries of a session are decided set by set. One whose contracts an open position holds, or
an order works, on the other side takes the first of its alternates of which that is not so; without
alternates, as where one set trades alone, it is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl

from options_platform.domain.backtest.book import Book
from options_platform.domain.backtest.entries import (
    AccountAtClose,
    in_order_of_sets,
    require_complete,
    trades_within,
    with_alternates,
    with_gap,
)
from options_platform.domain.backtest.gap_losses import GapLosses
from options_platform.domain.backtest.legs import Bools, is_bounded, order_legs
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.netting import TradeSides
from options_platform.domain.backtest.paths import TradePaths, trade_paths
from options_platform.domain.backtest.position import BacktestPosition
from options_platform.domain.backtest.results import SETTLED, BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest.split_quotes import legs_after
from options_platform.domain.earnings.blackout import leaves
from options_platform.domain.earnings.trade_exits import report_exit
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.planning.report_trades.terms import sizing_for
from options_platform.domain.risk import (
    Check,
    Exposure,
    KillSwitch,
    RiskRules,
    refusals,
    set_refusals,
)
from options_platform.domain.trading.exits.exit_rules import PositionMark, exit_reason, is_due
from options_platform.domain.trading.netting import NETTING_CONFLICT
from options_platform.domain.trading.orders import closing
from options_platform.domain.trading.orders.price_ladder import worst_of_exit
from options_platform.domain.trading.report_caps import TakenTrade, report_cap_refusals

CENT = 0.005
FAR_BELOW = 0.9
"""Of the gap limit; the rest is for quotes, which are rounded to ticks."""


def run_backtest(
    plans: pl.DataFrame,
    legs: pl.DataFrame,
    market: BacktestMarket,
    rules: BacktestRules,
    exit_on: Mapping[str, date] | None = None,
    alternates: pl.DataFrame | None = None,
    *,
    every_refusal: bool = True,
) -> BacktestResult:
    """Trade `plans` through the sessions of `market`.

    Args:
        plans: rows of `trade_plan`; no-trades are ignored.
        legs: rows of `trade_plan_legs`.
        market: from :func:`make_market`; an entry fills in the session after its plan.
        rules: all settings of the backtest.
        exit_on: session in which to close each plan_id, instead of the exit rules and of early
            assignment; used to compare the same trades under other fills or costs.
        alternates: rows of `plan_alternates`, whose legs are among `legs`; None: an entry that
            another rule set is on the other side of is refused.
        every_refusal: whether `refusals` have the entries that came to an account without room for
            another position, too; without them a run takes less time and trades the same.

    Raises:
        IncompleteDataError: a trade has no legs, or its ticker has no bars.
    """
    trades = in_order_of_sets(trades_within(plans, market), rules)
    require_complete(trades, legs, market)
    instead: dict[int, list[int]] = {}
    if alternates is not None and rules.sets:
        trades, instead = with_alternates(trades, alternates)
    paths = trade_paths(trades, legs, market, rules)
    loop = EventLoop(
        trades, paths, market, rules, exit_on, instead=instead, every_refusal=every_refusal
    )
    for session_number in range(len(market.sessions)):
        loop.run_session(session_number)
    return loop.book.result()


@dataclass
class EventLoop:
    """One account through the sessions; it sends the `trades` that are `sent`, by default all.

    `instead` are by trade the numbers of what may take its place: they are among the trades, and
    planned in no session themselves.
    """

    trades: pl.DataFrame
    paths: TradePaths
    market: BacktestMarket
    rules: BacktestRules
    exit_on: Mapping[str, date] | None = None
    sent: Bools | None = None
    instead: Mapping[int, list[int]] = field(default_factory=dict)
    every_refusal: bool = True
    book: Book = field(init=False)
    working: list[int] = field(default_factory=list)
    switch: KillSwitch | None = None
    halted_at: int | None = None
    _reports_traded: dict[int, TakenTrade] = field(default_factory=dict)
    _limits: tuple[int, RiskRules] | None = None

    def __post_init__(self) -> None:
        self.book = Book(self.trades, self.paths, self.market, self.rules)
        self._own = [self.rules.own(name) for name in self.book.rule_set]
        self._sides = TradeSides.of(self.book.ticker, self.paths, self.market)
        planned = self.paths.entry - 1
        order = np.argsort(planned, kind="stable")
        others = [number for numbers in self.instead.values() for number in numbers]
        order = order[~np.isin(order, others)]
        if self.sent is not None:
            order = order[self.sent[order]]
        bounds = np.searchsorted(planned[order], np.arange(len(self.market.sessions) + 1))
        self._planned = [order[a:b].tolist() for a, b in pairwise(bounds)]
        self._gaps = GapLosses(self.book.ticker, self._planned, self.paths, self.market, self.rules)
        self._expiry: list[date] = self.paths.legs.first_expiry.tolist()
        self._bounded = is_bounded(self.paths.legs)
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
            trades = position.exit_reason is not None and has_data and self.paths.fillable[row]
            if trades and self._is_met(position, row):
                self.book.close(position, session_number, str(position.exit_reason))
            elif at_expiry:
                self.book.close(position, session_number, SETTLED if has_data else "NO_MARKET")
            elif trades:
                # The order expires at this close, which then decides anew.
                price = -self.paths.closing_price(row, position.exit_reason)
                self.book.refuse(position.trade, session_number, "NO_BUYER", price, math.nan)
                position.exit_reason = None
            elif position.exit_reason is not None and has_data:
                # The order works on: without two-sided quotes of all legs nothing fills.
                self.book.refuse(position.trade, session_number, "NO_QUOTE", math.nan, math.nan)

    def _is_met(self, position: BacktestPosition, row: int) -> bool:
        """Whether the session's price is within the worst one that an exit is sent at."""
        if self.exit_on is not None or position.assigned_on is not None:
            return True
        # The order is for the contracts of this session.
        split = float(self.paths.splits[row])
        fair = -float(self.paths.mark[row - 1]) / split
        price = -self.paths.closing_price(row, position.exit_reason) / split
        legs = closing(legs_after(order_legs(self.paths.legs, position.trade), split))
        return price <= worst_of_exit(fair, legs) + CENT

    def _open(self, session_number: int) -> None:
        for trade in self.working:
            check = next(self.fill_refusals(trade, session_number), None)
            if check is not None:
                self._reports_traded.pop(trade, None)
                self._refuse(trade, session_number, check)
            else:
                self.book.open_position(trade, session_number, self.opening_price(trade))
        self.working = []

    def opening_price(self, trade: int) -> float:
        """Price of an entry's fill, net, USD a share."""
        return float(self.paths.opening[int(self.paths.first[trade])])

    def fill_refusals(self, trade: int, session_number: int) -> Iterator[Check]:
        """What keeps a working entry from filling in this session; the first one does."""
        row = int(self.paths.first[trade])
        if self.paths.length[trade] == 0 or not self.paths.has_data[row]:
            yield Check("NO_MARKET", math.nan, math.nan)
        elif self.market.days[session_number] >= self.paths.legs.first_expiry[trade]:
            yield Check("EXPIRED", math.nan, math.nan)
        elif not self.paths.fillable[row]:
            yield Check("NO_QUOTE", math.nan, math.nan)
        elif self.paths.splits[row] != 1.0:
            # Its contracts ended before the market opened, and its order with them.
            yield Check("SPLIT", float(self.paths.splits[row]), 1.0)
        else:
            price, limit = self.opening_price(trade), self.book.limit_price[trade]
            if self.rules.entry_order == "limit":
                if price > limit + CENT:
                    yield Check("LIMIT_NOT_REACHED", price, limit)
            elif price > limit and (too_large := self._resize(trade, price)) is not None:
                yield too_large

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
            if not self.paths.has_data[row]:
                # Without data the P&L is unknown, but the last day to decide an exit still counts.
                last_decision = self._last_decision[position.trade]
                if self._own[position.trade].exits is not None and is_due(session, last_decision):
                    position.exit_reason = "EXPIRY_NEAR"
                position.exit_reason = position.exit_reason or self._report_exit(
                    position, session_number
                )
                continue
            position.exit_reason = self._exit_due(position, row, session_number)
            if self.paths.assigned[row]:
                # An assignment is seen in the morning: until then an exit order works.
                position.is_left_by_rule = position.exit_reason is not None
                position.exit_reason, position.assigned_on = "ASSIGNED", session_number

    def _exit_due(self, position: BacktestPosition, row: int, session_number: int) -> str | None:
        """The exit rule that closes a position at a close with data; None if none does."""
        exits = self._own[position.trade].exits
        if exits is None:
            return None
        # A mark without quotes of this session is no evidence of a profit or a loss.
        measured = bool(self.paths.evidence[row])
        return exit_reason(
            PositionMark(
                entry_price=position.entry_price,
                close_price=float(self.paths.mark[row]) if measured else position.entry_price,
                max_loss=position.max_loss_usd / position.units,
                max_profit=position.max_profit_usd / position.units,
                entry_dte=position.entry_dte,
                expiry=position.expiry,
                session=self.market.sessions[session_number],
                last_decision_on=self._last_decision[position.trade],
                before_report=self._before_report(position, session_number),
                before_odd_split=self.market.before_odd_split(position.ticker, session_number),
                before_ex_date=bool(self.paths.before_ex_date[row]),
                at_pin_risk=bool(self.paths.at_pin_risk[row]),
                trades_report=self.book.strategy[position.trade] in EARNINGS_STRATEGIES,
                report_exit=self._report_exit(position, session_number),
            ),
            exits,
        )

    def _before_report(self, position: BacktestPosition, session_number: int) -> bool:
        report = self.market.report_ahead(position.ticker, session_number)
        session = self.market.sessions[session_number]
        return leaves(report, session, position.expiry, self.rules.blackout)

    def _report_exit(self, position: BacktestPosition, session_number: int) -> str | None:
        trade = position.trade
        return report_exit(
            self.book.strategy[trade],
            self.market.report_ahead(position.ticker, session_number),
            self.book.planned_on[trade],
            position.expiry,
            self.market.sessions[session_number],
            self.rules.earnings_trades,
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
        planned = self._with_room(self._planned[session_number])
        if not planned:
            return
        others = [other for trade in planned for other in self.instead.get(trade, ())]
        account = self.account_for([*planned, *others], session_number)
        for trade in map(self._unopposed, planned):
            if not self._with_room([trade]):
                continue
            broken = next(self.entry_refusals(trade, session_number, account), [])
            for check in broken:
                self._refuse(trade, session_number, check)
            if not broken:
                self.working.append(trade)
                self._note_report(trade)
                account.add(self.entry_exposure(trade, account), self.book.rule_set[trade])

    def _with_room(self, entries: list[int]) -> list[int]:
        """The entries that the numbers of positions leave room for; all, if each has to be asked.

        What an entry may be replaced by is of the same ticker.
        """
        if self.every_refusal:
            return entries
        taken = [self.book.ticker[trade] for trade in (*self.book.open, *self.working)]
        limits = self.rules.risk
        if len(taken) + 1 > limits.max_positions:
            return []
        most = limits.max_positions_per_ticker
        return [t for t in entries if taken.count(self.book.ticker[t]) + 1 <= most]

    def _note_report(self, trade: int) -> None:
        """Keep what the caps of trades of reports count, closed ones too."""
        if self.book.strategy[trade] in EARNINGS_STRATEGIES:
            self._reports_traded[trade] = TakenTrade(
                self.book.planned_on[trade], self.book.max_loss_usd[trade]
            )

    def _unopposed(self, planned: int) -> int:
        """The first of a planned trade and its alternates that nothing opposes; else it."""
        candidates = (planned, *self.instead.get(planned, ()))
        return next((trade for trade in candidates if not self.opposed(trade)), planned)

    def opposed(self, trade: int) -> int:
        """How many contracts of an entry open positions hold, or orders work, on the other side."""
        leaving = [t for t, position in self.book.open.items() if position.has_exit_order]
        return self._sides.opposed(trade, [*self.book.open, *self.working], leaving)

    def account_for(self, entries: Sequence[int], session_number: int) -> AccountAtClose:
        """The account after this session's mark, against which `entries` can be asked."""
        gaps = self._gap_losses(entries, session_number)
        return AccountAtClose(
            self.book.equity_usd,
            None if self.switch is None else self.switch.tripped,
            [
                with_gap(
                    self.book.exposure(position, session_number), gaps[trade], position.contracts
                )
                for trade, position in self.book.open.items()
            ],
            [self.book.rule_set[trade] for trade in self.book.open],
            gaps,
        )

    def entry_exposure(self, trade: int, account: AccountAtClose) -> Exposure:
        """Exposure that an entry would add, at its present size."""
        planned = self.book.planned_exposure(trade)
        return with_gap(planned, account.gap_usd[trade], self.book.contracts[trade])

    def entry_refusals(
        self, trade: int, session_number: int, account: AccountAtClose
    ) -> Iterator[list[Check]]:
        """What refuses an entry, stage by stage: a halt, its expiry, its size, and all limits.

        The first stage that refuses ends an entry. The trade is resized on the way to what the
        account's equity allows.
        """
        if account.halt is not None:
            yield [Check("HALTED", account.halt.value, account.halt.threshold)]
        session, expiry = self.market.sessions[session_number], self._expiry[trade]
        own, name = self._own[trade], self.book.rule_set[trade]
        if not self.rules.holds(own) and self.rules.expiry.is_too_late(session, expiry):
            yield [Check("EXPIRY_NEAR", (expiry - session).days, math.nan)]
        too_large = self._resize(trade)
        if too_large is not None:
            yield [too_large]
        entry = self.entry_exposure(trade, account)
        account_usd = self.rules.account_usd(account.equity_usd)
        broken = refusals(entry, account.exposures, account_usd, self._risk(session_number))
        broken += set_refusals(entry, account.of_set(name), own.share * account_usd, own.limits)
        broken += self._report_caps(trade, entry, own.share * account_usd)
        if conflicts := self.opposed(trade):
            broken.append(Check(NETTING_CONFLICT, conflicts, 0.0))
        reserved = entry.max_loss_usd + sum(held.max_loss_usd for held in account.exposures)
        power = Check("BUYING_POWER", reserved, account.equity_usd)
        if self.rules.buying_power and not power.passed:
            broken.append(power)
        if broken:
            yield broken

    def _report_caps(self, trade: int, entry: Exposure, account_usd: float) -> list[Check]:
        """The caps of trades of reports that an entry would break."""
        strategy, sizing = self.book.strategy[trade], self._own[trade].sizing
        if strategy not in EARNINGS_STRATEGIES or sizing is None:
            return []
        return report_cap_refusals(
            strategy,
            TakenTrade(self.book.planned_on[trade], entry.max_loss_usd),
            list(self._reports_traded.values()),
            account_usd,
            sizing,
            self.rules.earnings_trades,
        )

    def _gap_losses(
        self, entries: Sequence[int], session_number: int
    ) -> dict[int, tuple[float, ...]]:
        """What one spread of each open trade and of each of `entries` loses in a gap."""
        trades = [*self.book.open, *entries]
        gap = self.rules.risk.gap
        if gap.max_loss_pct is None or not entries:
            return dict.fromkeys(trades, ())
        limit_usd = gap.max_loss_pct * self.rules.account_usd(self.book.equity_usd)
        if self._loses_at_most(entries, session_number) <= FAR_BELOW * limit_usd:
            return dict.fromkeys(trades, (0.0,) * len(gap.moves))
        last_sessions = {trade: own.last_session for trade, own in self.book.open.items()}
        return self._gaps.after(session_number, last_sessions, entries)

    def _risk(self, session_number: int) -> RiskRules:
        """The limits, with the betas that the close knew."""
        if self._limits is None or self._limits[0] != session_number:
            filled = self.rules.risk.filled(self.market.betas_at(session_number))
            self._limits = session_number, filled
        return self._limits[1]

    def _loses_at_most(self, entries: Sequence[int], session_number: int) -> float:
        """What everything open and `entries` can lose from this close on, USD; infinite if unknown.

        Pricing it at the moves takes far longer, and is needed only near the limit.
        """
        held = self.book.open
        if not self._bounded[[*held, *entries]].all():
            return math.inf
        profits: float = sum(
            (float(self.paths.mark[own.row(session_number)]) - own.entry_price) * own.units
            for own in held.values()
        )
        losses = sum(own.max_loss_usd for own in held.values())
        return float(profits + losses + sum(self.book.max_loss_usd[trade] for trade in entries))

    def _resize(self, trade: int, price: float | None = None) -> Check | None:
        """Reduce a trade to what the last mark's equity allows; the refusal if no contract fits.

        `price` is that of its fill, USD a share; see :meth:`Book.size_of`.
        """
        own = self._own[trade]
        if own.sizing is None:
            return None
        sizing = sizing_for(self.book.strategy[trade], own.sizing, self.rules.earnings_trades)
        size = self.book.size_of(trade, sizing, price, own.share)
        if size.contracts < 1:
            return Check("RISK_BUDGET", size.loss_usd, size.budget_usd)
        self.book.resize(trade, size.contracts)
        return None

    def _refuse(self, trade: int, session_number: int, check: Check) -> None:
        self.book.refuse(trade, session_number, check.code, check.value, check.threshold)
