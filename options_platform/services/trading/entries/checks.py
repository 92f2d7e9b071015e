"""What may forbid an entry: differences, a pause, stale data, limits, the account itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from options_platform.adapters.ports.broker import (
    Broker,
    BrokerDoubtError,
    QuotesContracts,
    quotes_contracts,
)
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.market.index_series import all_funds
from options_platform.domain.planning.conditions.blackout import (
    RefusedEntry,
    moved_away,
    refused_entry,
)
from options_platform.domain.planning.refusals import RULE_SET_LOST
from options_platform.domain.risk import (
    Check,
    Exposure,
    OrderBasis,
    refusals,
    set_refusals,
    stale,
)
from options_platform.domain.trading.exposures import DatedClose, spread_exposure
from options_platform.domain.trading.gaps import HeldSpreads, gap_losses
from options_platform.domain.trading.go_live_rules import NOT_READY
from options_platform.domain.trading.netting import NETTING_CONFLICT, opposed, sides_of
from options_platform.domain.trading.orders import (
    IN_DOUBT,
    WORKING,
    Order,
    OrderLeg,
    rule_set_of,
)
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.differences import (
    Difference,
    keeps_from_trading,
)
from options_platform.domain.trading.report_caps import (
    NOT_PROVEN,
    TakenTrade,
    report_cap_refusals,
)
from options_platform.services.trading.entries.account_checks import account_refusals
from options_platform.services.trading.entries.expiry_capacity import ExpiryCheck
from options_platform.services.trading.entries.sizes import EntrySizes
from options_platform.services.trading.go_live import may_go_live
from options_platform.services.trading.pauses import PAUSED, pause_of
from options_platform.services.trading.reports_ahead import ReportsAhead
from options_platform.settings import Settings

OTHER_RULE_SET = "OTHER_RULE_SET"


@dataclass(frozen=True)
class EntryChecks:
    """The checks of one account; `closes`, `planned`, `bases`, `reports` as in `Entries`."""

    ledger: Ledger
    broker: Broker
    settings: Settings
    closes: Mapping[str, DatedClose]
    planned: Mapping[str, Exposure]
    bases: Mapping[str, OrderBasis]
    reports: ReportsAhead | None = None

    def refusals(self, order: Order, differences: Sequence[Difference]) -> list[str]:
        """Codes of what forbids a new entry; working orders count as filled.

        Raises :class:`BrokerDoubtError` where the broker has to answer, and does not.
        """
        codes = ["DIFFERENCE"] if differences else []
        if any(
            o.status in IN_DOUBT and o.ticker == order.ticker for o in self._other_entries(order)
        ):
            codes.append("UNRESOLVED_ORDER")
        codes += self.rules_broken(order)
        # What the broker would refuse is not sent.
        return codes or self._account_refusals(order)

    def _other_entries(self, order: Order) -> list[Order]:
        """Entries beside `order` that may fill, or may have filled and are in doubt."""
        day = shift(order.session, 1)
        return [
            o
            for o in self.ledger.unsettled_orders()
            if o.purpose == "entry"
            and o.client_order_id != order.client_order_id
            and (o.status in WORKING or keeps_from_trading(o, day))
        ]

    def _was_entered_by_another_set(self, order: Order) -> bool:
        """Whether a rule set that does not trade beside this one may have sent an entry of the same
        session and ticker.

        Ids differ by set, so they alone would let a session be entered twice whose set was changed
        between two runs.
        """
        traded = self.settings.traded_sets
        return any(
            o.purpose == "entry"
            and o.ticker == order.ticker
            and o.rule_set != order.rule_set
            and not {o.rule_set, order.rule_set} <= set(traded)
            and o.status != "not_sent"
            for o in self.ledger.orders(session=order.session)
        )

    def rules_broken(self, order: Order) -> list[str]:
        """Codes of our own rules that an entry breaks: the pause, freshness and limits.

        Raises as :meth:`refusals`.
        """
        codes, other_entries = [], self._other_entries(order)
        if pause_of(self.ledger) is not None:
            codes.append(PAUSED)
        if self._was_entered_by_another_set(order):
            codes.append(OTHER_RULE_SET)
        if order.rule_set in self.settings.lost_sets:
            codes.append(RULE_SET_LOST)
        if self.netted(order):
            codes.append(NETTING_CONFLICT)
        carried = {
            p.position_id: self._held_exposure(p) for p in self.ledger.positions(only_open=True)
        }
        for o in other_entries:
            risk = o.max_loss_usd * o.remaining / o.contracts
            rest = self._exposure(o.ticker, o.legs, o.remaining, risk)
            carried_before = carried.get(o.position_id)
            # The filled part of an entry and the working part are one position.
            carried[o.position_id] = rest if carried_before is None else carried_before.plus(rest)
        if self.closes and not {e.ticker for e in carried.values()} <= set(self.closes):
            codes.append("STALE_DATA")
        basis = self.bases.get(order.plan_id)
        if basis is not None:
            codes += self._codes(basis)
        if self.settings.expiry.is_too_late(order.session, min(leg.expiry for leg in order.legs)):
            codes.append("EXPIRY_NEAR")
        if (refused := self.refused_by_report(order)) is not None:
            codes.append(refused.code)
        account, doubt = self._account_usd()
        broken = refusals(
            self._order_exposure(order), list(carried.values()), account, self.settings.risk
        )
        broken += self._limits_of_its_set(order, carried, account)
        broken += self._report_caps(order, other_entries, account)
        codes += self._not_proven(order)
        codes += self._not_ready()
        codes += [check.code for check in broken]
        if doubt is not None and not codes:
            raise doubt
        try:
            codes += [code for code in self._moved(order) if code not in codes]
        except BrokerDoubtError:
            if not codes:
                raise
        return codes

    def refused_by_report(self, order: Order) -> RefusedEntry | None:
        """What the newest dates of reports refuse an entry for; None if they do not.

        The plan asked with the dates of its close, and one may have moved since.
        """
        known = None if self.reports is None else self.reports.known(order.ticker, order.session)
        if known is None:
            return None
        expiry = min(leg.expiry for leg in order.legs)
        funds = all_funds(self.settings.plan.chain.surface.funds)
        if order.strategy in EARNINGS_STRATEGIES:
            return moved_away(known, order.session, expiry)
        return refused_entry(
            known, order.ticker, order.session, expiry, self.settings.blackout, funds
        )

    def netted(self, order: Order) -> list[str]:
        """The contracts (symbols) of an entry that another position holds, or another order works,
        on the other side; so do those that a person holds in the account."""
        held = [
            sides_of(p.ticker, p.held)
            for p in self.ledger.positions(only_open=True)
            if p.position_id != order.position_id
        ]
        worked = [
            sides_of(o.ticker, o.legs)
            for o in self.ledger.unsettled_orders()
            if o.position_id != order.position_id and o.purpose != "exercise"
        ]
        beside = self.ledger.statement().beside
        by_hand = {symbol: 1 if count > 0 else -1 for symbol, count in beside.items() if count}
        return opposed(sides_of(order.ticker, order.legs), [*held, *worked, by_hand])

    def _limits_of_its_set(
        self, order: Order, carried: Mapping[str, Exposure], account_usd: float
    ) -> list[Check]:
        """The limits of the order's own rule set that it breaks, on the set's share."""
        of_set = [
            exposure
            for position_id, exposure in carried.items()
            if rule_set_of(position_id) == order.rule_set
        ]
        budget = self.settings.share_of(order.rule_set) * account_usd
        limits = self.settings.of_set(order.rule_set).limits
        return set_refusals(self._order_exposure(order), of_set, budget, limits)

    def _report_caps(
        self, order: Order, other_entries: Sequence[Order], account_usd: float
    ) -> list[Check]:
        """The caps of trades of reports that an entry would break, closed trades counted."""
        if order.strategy not in EARNINGS_STRATEGIES:
            return []
        traded = {
            p.position_id: TakenTrade(shift(p.opened_on, -1), p.max_loss_usd)
            for p in self.ledger.positions()
            if p.strategy in EARNINGS_STRATEGIES
        }
        for other in other_entries:
            if other.strategy in EARNINGS_STRATEGIES:
                traded[other.position_id] = TakenTrade(other.session, other.max_loss_usd)
        traded.pop(order.position_id, None)
        return report_cap_refusals(
            order.strategy,
            TakenTrade(order.session, order.max_loss_usd),
            list(traded.values()),
            self.settings.share_of(order.rule_set) * account_usd,
            self.settings.of_set(order.rule_set).plan.sizing,
            self.settings.earnings_trades,
        )

    def _not_proven(self, order: Order) -> list[str]:
        """Real money waits for the evidence gate."""
        proven = self.settings.plan.earnings_trades.proven
        is_research = order.strategy in EARNINGS_STRATEGIES and order.strategy not in proven
        return [NOT_PROVEN] if is_research and self.settings.is_live else []

    def _not_ready(self) -> list[str]:
        """Real money waits for the go-live gate, or for a person who overrides it."""
        if not self.settings.is_live or may_go_live(self.settings, datetime.now(UTC)):
            return []
        return [NOT_READY]

    def _account_usd(self) -> tuple[float, BrokerDoubtError | None]:
        """What limits in percent refer to, USD, and why the broker's equity is not in it, if so."""
        sizes = EntrySizes(self.ledger, self.broker, self.settings)
        try:
            return sizes.account_usd(), None
        except BrokerDoubtError as doubt:
            return sizes.recorded_usd(), doubt

    def _moved(self, order: Order) -> list[str]:
        """PRICE_MOVED and CROSSED_QUOTE by the broker's market of now, while it trades."""
        broker = self.broker
        if not quotes_contracts(broker):
            return []
        clock = broker.clock()
        if clock is None or not clock.is_open:
            return []
        oldest = clock.now - timedelta(seconds=self.settings.intraday.max_quote_age_seconds)
        basis = self._at_last_price(order, broker, oldest)
        moved = self._codes(basis)
        try:
            quotes = broker.quotes([leg.symbol(order.ticker) for leg in order.legs]).values()
        except BrokerDoubtError:
            if not moved:
                raise
            return moved
        fresh_quotes = [
            (quote.bid, quote.ask) for quote in quotes if quote.at >= oldest and quote.ask > 0
        ]
        return self._codes(replace(basis, quotes=fresh_quotes))

    def _at_last_price(self, order: Order, broker: QuotesContracts, oldest: datetime) -> OrderBasis:
        """The plan's price and the last one, None if that is older; the plan's, if none traded.

        An order of another session's plan is not compared: the plan's price is that of its close.
        """
        planned_at = self.closes.get(order.ticker)
        if planned_at is None or planned_at.session != order.session:
            return OrderBasis(0, 0, 0, 1.0, 1.0)
        last = broker.last_prices([order.ticker]).get(order.ticker)
        spot: float | None = planned_at.close.spot
        if last is not None:
            spot = last.price if last.at >= oldest else None
        return OrderBasis(0, 0, 0, planned_at.close.spot, spot)

    def _codes(self, basis: OrderBasis) -> list[str]:
        return [check.code for check in stale(basis, self.settings.freshness)]

    def _order_exposure(self, order: Order) -> Exposure:
        """The planned exposure of what is left of an entry."""
        share = order.remaining / order.contracts
        risk, stated = order.max_loss_usd * share, self.planned.get(order.plan_id)
        if stated is None:
            return self._exposure(order.ticker, order.legs, order.remaining, risk)
        gap_usd = self._gap_usd(order.ticker, order.legs, order.remaining)
        return replace(stated.scaled(share), max_loss_usd=risk, gap_usd=gap_usd)

    def _held_exposure(self, position: Position) -> Exposure:
        """The exposure of a position: its whole spreads, its loose legs, shares of assignments."""
        whole = self._exposure(
            position.ticker, position.legs, position.open_contracts, position.risk_usd
        )
        if not position.loose:
            return whole
        return whole.plus(self._exposure(position.ticker, position.loose, 1, 0.0))

    def _exposure(
        self, ticker: str, legs: Sequence[OrderLeg], contracts: int, max_loss_usd: float
    ) -> Exposure:
        dated_close = self.closes.get(ticker)
        if dated_close is None:
            return Exposure(ticker, max_loss_usd, min(leg.expiry for leg in legs))
        exposure = spread_exposure(
            ticker, legs, contracts, max_loss_usd, dated_close, self.settings.plan.chain
        )
        return replace(exposure, gap_usd=self._gap_usd(ticker, legs, contracts))

    def _gap_usd(self, ticker: str, legs: Sequence[OrderLeg], contracts: int) -> tuple[float, ...]:
        """What they lose in a gap; empty without a close, or without a limit."""
        dated_close = self.closes.get(ticker)
        if dated_close is None:
            return ()
        held = HeldSpreads(ticker, legs, contracts, dated_close)
        return gap_losses([held], self.settings.risk, self.settings.plan.chain)[0]

    def _account_refusals(self, order: Order) -> list[str]:
        codes = account_refusals(order, self.broker.account(), self.ledger)
        return codes + ExpiryCheck(self.ledger, self.broker, self.settings).refusals(order)
