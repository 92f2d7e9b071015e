"""The market at the fake Alpaca: it fills what works at the fill model's price."""

from dataclasses import replace
from datetime import timedelta

from options_platform.domain.backtest import AssignmentRules, BacktestRules
from options_platform.domain.trading.fill_prices import AT_MID, leg_prices, net_price
from options_platform.services.trading.order_worker import OrderWorker

CENT = 0.005

# Entries do not climb: in the backtest they have one price.
LADDER = {"entry_concession": 0.0, "exit_concession": 0.99, "exit_concession_usd": 5.0, "rungs": 3}


def rules_of_a_paper_account(settings) -> BacktestRules:
    """The backtest without what no paper account has: assignment, borrowed power, a resume."""
    return replace(
        settings.account_rules,
        assignment=AssignmentRules(enabled=False),
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
        for _ in range(self.settings.ladder.rungs + 1):
            for order in self.trading.ledger.working_orders():
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
            self.trading.reconcile(clock["now"])
            exits = [o for o in self.trading.ledger.working_orders() if o.purpose == "exit"]
            if not exits:
                break
            clock["now"] += timedelta(seconds=self.settings.ladder.rung_seconds)
            OrderWorker(self.trading).advance(clock["now"])
        assert not [o for o in self.trading.ledger.working_orders() if o.purpose == "exit"]
        self.fake.script("close", {})
        for position in self.trading.ledger.positions(only_open=True):
            self._mark(position, session)

    def _mark(self, position, session):
        """The account's equity is at the mids of the close, as a backtest's."""
        close = self.closes[session].get(position.ticker)
        if close is not None:
            chain = self.settings.plan.chain
            mids = leg_prices(position.legs, session, close, chain, AT_MID)
            for leg, mid in zip(position.legs, mids.tolist(), strict=True):
                self.marks[leg.symbol(position.ticker)] = mid
