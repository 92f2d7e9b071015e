"""The sizes of entries: as planned, or smaller where the account or the ladder asks for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from options_platform.adapters.ports.broker import Broker, BrokerDoubtError, works_at_close
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.planning.needs import needs_of_entry
from options_platform.domain.planning.report_trades.terms import sizing_for
from options_platform.domain.risk.sizing import TOLERANCE, SizingRules, loss_cap, size_at
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.repricing import with_next_attempt
from options_platform.services.planning.plan_tables import entry_order
from options_platform.settings import Settings

SCALED = ("max_loss_usd", "max_profit_usd", "net_delta", "net_gamma", "net_theta", "net_vega")


@dataclass(frozen=True)
class SizedEntry:
    """An entry order in the size that the account takes.

    `refusals` is RISK_BUDGET where that is none; the order has its planned size then, and `needs`
    says what would take one spread.
    """

    order: Order
    refusals: tuple[str, ...] = ()
    needs: str | None = None


@dataclass(frozen=True)
class EntrySizes:
    """The sizes of one account's entries."""

    ledger: Ledger
    broker: Broker
    settings: Settings

    def account_usd(self) -> float:
        """The configured value, or the account's equity if that is less, USD.

        Equity is the ledger's at its last mark, as in a backtest, or the broker's where it states
        less: the ledger does not see withdrawals.

        Raises :class:`BrokerDoubtError` while the broker does not answer.
        """
        equity = self.broker.account().equity_usd
        recorded = self.recorded_usd()
        return recorded if equity is None else min(recorded, equity)

    def recorded_usd(self) -> float:
        """The same without the broker's equity."""
        marks = self.ledger.table("marks").sort("session")["equity_usd"]
        return float(min([self.settings.account_value_usd, *marks.tail(1)]))

    def is_within_cap(self, order: Order, price: float) -> bool:
        """Whether an entry at `price`, USD a share, can lose no more than the account's cap.

        The cap is :func:`loss_cap` of the set's share of the account, by the ledger alone while the
        broker does not answer.
        """
        share = self.settings.share_of(order.rule_set)
        cap = loss_cap(share * self._answered_usd(), self._sizing(order))
        after = with_next_attempt(order, order.client_order_id, price)
        return after.max_loss_usd * (1.0 - TOLERANCE) <= cap

    def sized(self, trades: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
        """`trades` (rows of `trade_plan`) with the contracts that the account takes, 0 for none.

        They fit at the last price of the order's ladder; a single spread may fit at the planned
        price alone, and its ladder then ends within the cap (:meth:`is_within_cap`). Risk and
        greeks, at the planned price, are scaled along. A trade whose order is recorded keeps the
        order's size: it may have been sent. While the broker does not answer, the ledger's equity
        counts; the checks are repeated before the order is sent.
        """
        if trades.is_empty():
            return trades
        account = self._answered_usd()
        rows = [self._sized(plan, legs, account) for plan in trades.iter_rows(named=True)]
        return pl.DataFrame(rows, schema=trades.schema)

    def orders(
        self, trades: pl.DataFrame, sized: pl.DataFrame, legs: pl.DataFrame
    ) -> list[SizedEntry]:
        """The entry orders of `trades`, whose rows :meth:`sized` has cut to `sized`."""
        account = self.settings.account
        return [
            SizedEntry(entry_order(cut, legs, account))
            if cut["contracts"] >= 1
            else self._refused(planned, entry_order(planned, legs, account))
            for planned, cut in zip(
                trades.iter_rows(named=True), sized.iter_rows(named=True), strict=True
            )
        ]

    def _refused(self, plan: Mapping[str, Any], order: Order) -> SizedEntry:
        """A trade of which the account takes no spread, and what would take one."""
        sizing, share = self._sizing(order), self.settings.share_of(order.rule_set)
        concession = 0.0 if sizing.at_least_one else self._concession_usd(order)
        loss = (plan["max_loss_usd"] + concession) / plan["contracts"]
        needs = needs_of_entry(
            loss,
            plan["regime"],
            plan["confidence"],
            sizing,
            share * self._answered_usd(),
            votes=plan["votes"],
            vol_scale=plan["vol_scale"],
            share=share,
        )
        return SizedEntry(order, ("RISK_BUDGET",), f"needs {needs}")

    def _sizing(self, order: Order) -> SizingRules:
        """The sizing of the order's set, on its share of the account value; of earnings trades
        their own."""
        sizing = self.settings.of_set(order.rule_set).plan.sizing
        return sizing_for(order.strategy, sizing, self.settings.earnings_trades)

    def _answered_usd(self) -> float:
        """:meth:`account_usd`, or :meth:`recorded_usd` while the broker does not answer."""
        try:
            return self.account_usd()
        except BrokerDoubtError:
            return self.recorded_usd()

    def _concession_usd(self, order: Order) -> float:
        """What an entry's last rung costs beyond its limit, USD for the whole order.

        A broker that works at a close fills at the limit or better: nothing reprices there.
        """
        if works_at_close(self.broker) or order.limit_price is None:
            return 0.0
        worse = self.settings.ladder.concession_of_entry(order.limit_price)
        return worse * order.multiplier * order.contracts

    def _sized(
        self, plan: Mapping[str, Any], legs: pl.DataFrame, account_usd: float
    ) -> dict[str, Any]:
        planned = plan["contracts"]
        order = entry_order(plan, legs, self.settings.account)
        recorded = self.ledger.order(order.client_order_id)
        if recorded is not None and recorded.contracts <= order.contracts:
            contracts = planned * recorded.contracts // order.contracts
        else:
            contracts = size_at(
                self.settings.share_of(order.rule_set) * account_usd,
                planned,
                plan["max_loss_usd"],
                plan["regime"],
                plan["confidence"],
                self._sizing(order),
                self._concession_usd(order) / planned,
                votes=plan["votes"],
                vol_scale=plan["vol_scale"],
                stops_at_cap=True,
            ).contracts
        share = contracts / planned
        # A profit without bound is null whatever the size.
        scaled = {name: plan[name] * share for name in SCALED if plan[name] is not None}
        return {**plan, "contracts": contracts, **scaled}
