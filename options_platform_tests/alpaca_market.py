"""The market at the fake Alpaca: it fills what works at the fill model's price."""

from dataclasses import replace
from datetime import timedelta

from options_platform.domain.backtest import AssignmentRules, BacktestRules
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import AT_MID, leg_prices, net_price
from options_platform.domain.trading.orders.price_ladder import worst_of_exit
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.services.trading.order_worker import OrderWorker

CENT = 0.005

# Entries do not climb: in the backtest they have one price.
LADDER = {"entry_concession": 0.0, "exit_concession": 0.99, "exit_concession_usd": 5.0, "rungs": 3}


def rules_of_a_paper_account(settings) -> BacktestRules:
    """The backtest without what a paper account has not: borrowed power, a resume.

    At Alpaca nothing is assigned, unless a test does it.
    """
    simulated = settings.broker == "simulated"
    return replace(
        settings.account_rules,
        assignment=settings.backtest.assignment if simulated else AssignmentRules(enabled=False),
        entry_order="limit",
        buying_power=False,
        resume_after_sessions=None,
    )


class Market:
    """Fills working orders at the fill model's price while a session is open.

    Before each close it fills what works, once the ladder of the order has come to that price.
    """

    def __init__(self, trading, fake, closes):
        self.trading, self.fake, self.closes = trading, fake, closes
        self.settings = trading.settings
        self.marks = {}
        fake.book.mark = self.marks.get

    def trade(self, session, clock):
        self._close_what_was_assigned(session, clock)
        for _ in range(self.settings.ladder.rungs + 1):
            self._fill(session, self.trading.ledger.working_orders())
            self.trading.reconcile(clock["now"])
            exits = [o for o in self.trading.ledger.working_orders() if o.purpose == "exit"]
            if not exits:
                break
            clock["now"] += timedelta(seconds=self.settings.ladder.rung_seconds)
            OrderWorker(self.trading).advance(clock["now"])
        left = [o for o in self.trading.ledger.working_orders() if o.purpose == "exit"]
        # Nobody takes what is worth nothing.
        assert all(o.limit_price == worst_of_exit(o.limit_price, o.legs) for o in left)
        self.fake.script("close", {})
        spots = {ticker: close.spot for ticker, close in self.closes[session].items()}
        self.fake.script("expire", {"date": session.isoformat(), "spots": spots})
        for position in self.trading.ledger.positions(only_open=True):
            self._mark(position, session)

    def _fill(self, session, orders):
        for order in orders:
            price = net_price(
                order.legs,
                session,
                self.closes[session][order.ticker],
                self.settings.plan.chain,
                self.settings.fills,
            )
            if price <= order.limit_price + CENT:
                number = order.client_order_id
                self.fake.script("fill", {"client_order_id": number, "price": price})

    def _close_what_was_assigned(self, session, clock):
        """Checks of stops close first the shares of an assignment, then what covered them."""
        before = shift(session, -1)
        closes = {name: DatedClose(before, close) for name, close in self.closes[before].items()}
        check = IntradayCheck(replace(self.trading, closes=closes))
        ledger = self.trading.ledger
        while self._is_assigned():
            check.run(clock["now"])
            broken = {p.position_id for p in ledger.positions(only_open=True) if p.loose}
            self._fill(session, [o for o in ledger.working_orders() if o.position_id in broken])
            clock["now"] += timedelta(seconds=self.settings.ladder.rung_seconds)

    def _is_assigned(self):
        holdings = self.trading.broker.holdings()
        has_shares = any(holding.symbol in self.settings.tickers for holding in holdings)
        return has_shares or any(p.loose for p in self.trading.ledger.positions(only_open=True))

    def _mark(self, position, session):
        """The account's equity is at the mids of the close, as a backtest's."""
        close = self.closes[session].get(position.ticker)
        if close is not None:
            chain = self.settings.plan.chain
            mids = leg_prices(position.legs, session, close, chain, AT_MID)
            for leg, mid in zip(position.legs, mids.tolist(), strict=True):
                self.marks[leg.symbol(position.ticker)] = mid
