"""Why positions are closed: by a rule of exits at a close, or whatever they are worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import BrokerDoubtError
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.blackout import leaves
from options_platform.domain.earnings.trade_exits import report_exit
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.trading.broken_spreads import judged_legs
from options_platform.domain.trading.closing import (
    has_shares,
    has_uncovered_short,
    is_rest_of_cover,
    without_cover,
)
from options_platform.domain.trading.exits.ex_dividend import before_ex_date
from options_platform.domain.trading.exits.exit_rules import PositionMark, exit_reason
from options_platform.domain.trading.exits.pin_risk import at_pin_risk
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.positions import Position
from options_platform.services.trading.closing.next_legs import NextLegs
from options_platform.services.trading.entries.expiry_capacity import ExpiryCheck
from options_platform.services.trading.execution import Execution
from options_platform.services.trading.reports_ahead import ReportsAhead
from options_platform.settings import Settings

LEGS_GONE = "LEGS_GONE"
LEG_MISSING = "LEG_MISSING"
ASSIGNED = "ASSIGNED"
FLATTEN = "FLATTEN"


@dataclass(frozen=True)
class ExitReasons:
    """Says why positions of one account are closed; without `reports` none leaves before one."""

    execution: Execution
    settings: Settings
    reports: ReportsAhead | None = None

    @property
    def expiry(self) -> ExpiryCheck:
        """The policy of expiry at this account."""
        return ExpiryCheck(self.execution.ledger, self.execution.broker, self.settings)

    def exit_due(
        self, position: Position, session: date, value: float, close: MarketClose | None = None
    ) -> str | None:
        """The exit rule that closes a position worth `value`, USD a share, at a session's close.

        The rules are those of the set that opened the position. None if no rule closes it. Without
        the `close` neither the next dividend nor the spot is known.
        """
        legs = judged_legs(position) or position.legs
        exits = self.settings.of_set(position.rule_set).exits
        return exit_reason(
            PositionMark(
                entry_price=position.entry_price,
                close_price=value,
                max_loss=position.max_loss_usd / position.units,
                max_profit=position.max_profit_usd / position.units,
                entry_dte=position.entry_dte,
                expiry=position.expiry,
                session=session,
                last_decision_on=self.expiry.last_decision(position, session),
                before_report=self.leaves_before_report(position, session),
                before_ex_date=close is not None
                and before_ex_date(
                    legs, session, close, self.settings.plan.chain, exits.ex_dividend
                ),
                at_pin_risk=close is not None and at_pin_risk(legs, session, close, exits.pin_risk),
                trades_report=position.strategy in EARNINGS_STRATEGIES,
                report_exit=self._report_exit(position, session),
            ),
            exits,
        )

    def _report_exit(self, position: Position, session: date) -> str | None:
        """Why an earnings trade leaves for its report; without known dates it is taken as out."""
        return report_exit(
            position.strategy,
            None if self.reports is None else self.reports.ahead(position.ticker, session),
            shift(position.opened_on, -1),
            position.expiry,
            session,
            self.settings.earnings_trades,
        )

    def leaves_before_report(self, position: Position, session: date) -> bool:
        """Whether a report ahead has a position leave in the session after this one."""
        if self.reports is None or position.strategy in EARNINGS_STRATEGIES:
            return False
        report = self.reports.ahead(position.ticker, session)
        return leaves(report, session, position.expiry, self.settings.blackout)

    def standing_reasons(self, now: datetime) -> dict[str, str]:
        """Why positions have to be closed whatever they are worth, by position_id.

        A sold contract without cover is bought back (LEGS_GONE); shares of an assignment are
        closed, and then what covered them (ASSIGNED); a spread whose bought contract has been
        missing in the broker's list for a while is closed whole (LEG_MISSING); and a position that
        was being flattened is still to be closed after its order has ended (FLATTEN).
        """
        ledger = self.execution.ledger
        reasons = {
            order.position_id: FLATTEN
            for order in ledger.orders()
            if order.purpose == "exit" and (order.reason or "").partition(":")[0] == FLATTEN
        }
        lasting = self._lasting_doubts(now)
        for position in ledger.positions(only_open=True):
            if has_uncovered_short(position):
                reasons[position.position_id] = LEGS_GONE
            elif has_shares(position) or is_rest_of_cover(position):
                reasons[position.position_id] = ASSIGNED
            elif self._cover_is_missing(position, lasting):
                reasons[position.position_id] = LEG_MISSING
        return reasons

    def _lasting_doubts(self, now: datetime) -> set[str]:
        """The contracts that have been missing in the broker's list since an earlier look."""
        ledger = self.execution.ledger
        symbols = [d.subject for d in ledger.differences() if d.code == "CONTRACTS"]
        since = ledger.doubts()
        wait = timedelta(seconds=self.settings.reconcile.doubt_seconds)
        return {symbol for symbol in symbols if symbol in since and now - since[symbol] >= wait}

    def _cover_is_missing(self, position: Position, lasting: set[str]) -> bool:
        """Whether a bought contract of a position is missing in the list, and a sold one is not."""
        if not lasting or not any(leg.side == "sell" for leg in position.legs):
            return False
        try:
            missing = lasting & set(NextLegs(self.execution).in_doubt(position))
        except BrokerDoubtError:
            return False
        return without_cover(position, missing) is not None
