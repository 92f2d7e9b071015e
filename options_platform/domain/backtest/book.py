"""The book of the backtest's account: cash in whole cents, open positions, and event records."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import DEFAULT_RULE_SET, Floats
from options_platform.domain.backtest import results
from options_platform.domain.backtest.leg_marks import GREEKS
from options_platform.domain.backtest.legs import Bools
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.paths import TradePaths
from options_platform.domain.backtest.position import CENTS, BacktestPosition, to_cents
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest.sources import SOURCES, sources_of
from options_platform.domain.earnings.trade_exits import FOR_REPORT
from options_platform.domain.risk import Exposure, exposure_of
from options_platform.domain.risk.sizing import Size, SizingRules, size_at
from options_platform.domain.trading.orders import SHARES


class Book:
    """Books every fill into cash immediately, and collects the rows of the result's frames."""

    def __init__(
        self,
        trades: pl.DataFrame,
        paths: TradePaths,
        market: BacktestMarket,
        rules: BacktestRules,
    ) -> None:
        self.paths, self.market, self.rules = paths, market, rules
        self.cash = to_cents(rules.start_usd, 1)
        self.equity = self.cash
        self.open: dict[int, BacktestPosition] = {}
        self.plan_id: list[str] = trades["plan_id"].to_list()
        self.ticker: list[str] = trades["ticker"].to_list()
        self.rule_set: list[str] = (
            trades["rule_set"].to_list()
            if "rule_set" in trades.columns
            else [DEFAULT_RULE_SET] * trades.height
        )
        self.contracts: list[int] = trades["contracts"].to_list()
        self.limit_price: list[float] = trades["limit_price"].to_list()
        self.max_loss_usd: list[float] = trades["max_loss_usd"].to_list()
        profits = trades["max_profit_usd"].fill_null(math.inf)
        self.max_profit_usd: list[float] = profits.to_list()
        # Plans of a benchmark have no greeks; they count from the first mark on.
        planned_greeks = pl.col("spot", *(f"net_{name}" for name in GREEKS)).fill_null(0.0)
        self._planned = trades.select(planned_greeks).rows()
        self._plan_labels = trades.select("strategy", "regime", "direction", "date").rows()
        self.strategy: list[str] = trades["strategy"].to_list()
        self.planned_on: list[date] = trades["date"].to_list()
        self._confidence: list[float] = trades["confidence"].to_list()
        self._votes: list[int | None] = trades["votes"].to_list()
        self._vol_scale: list[float | None] = trades["vol_scale"].to_list()
        self._fees = rules.costs.fees_on(market.days)
        self._interest = self._session_fees = 0
        self._cash_of_set = dict.fromkeys(rules.sets, 0)
        self._rows: dict[str, list[tuple[Any, ...]]] = {
            name: []
            for name in (
                "trades",
                "fills",
                "marks",
                "equity",
                "greeks",
                "exposures",
                "refusals",
                "sources",
                "by_set",
            )
        }

    @property
    def equity_usd(self) -> float:
        """Equity at the last mark, USD."""
        return self.equity / CENTS

    def planned_exposure(self, trade: int) -> Exposure:
        """Exposure that an entry would add to the account, from the plan's figures."""
        spot, delta, gamma, theta, vega = self._planned[trade]
        return exposure_of(
            self.ticker[trade],
            self.max_loss_usd[trade],
            self.paths.legs.first_expiry[trade].astype(object),
            spot=spot,
            shares_delta=delta,
            shares_gamma=gamma,
            vega_usd=vega,
            theta_usd=theta,
        )

    def size_of(
        self, trade: int, rules: SizingRules, price: float | None = None, share: float = 1.0
    ) -> Size:
        """Size of a planned trade that the set's share of the equity of the last mark allows.

        `price` is that of its fill, USD a share. Without it the trade is sized before it is sent:
        at the worst price that a live order for it may fill at, as live trading does.
        """
        if price is None:
            concession = self._concession_usd(trade)
        else:
            concession = SHARES * (price - self.limit_price[trade])
        regime = self._plan_labels[trade][1]
        return size_at(
            share * self.equity_usd,
            self.contracts[trade],
            self.max_loss_usd[trade],
            regime,
            self._confidence[trade],
            rules,
            concession,
            votes=self._votes[trade],
            vol_scale=self._vol_scale[trade],
            stops_at_cap=price is None,
        )

    def resize(self, trade: int, contracts: int) -> None:
        """Change a planned trade to `contracts` spreads, scaling its risk and greeks."""
        share = contracts / self.contracts[trade]
        if share == 1.0:
            return
        self.contracts[trade] = contracts
        self.max_loss_usd[trade] *= share
        self.max_profit_usd[trade] *= share
        spot, *greeks = self._planned[trade]
        self._planned[trade] = (spot, *(value * share for value in greeks))

    def exposure(self, position: BacktestPosition, session_number: int) -> Exposure:
        """Exposure of an open position at this close."""
        row, units = position.row(session_number), position.units
        delta, gamma, theta, vega = (float(self.paths.greeks[g][row]) * units for g in GREEKS)
        return exposure_of(
            position.ticker,
            position.max_loss_usd,
            position.expiry,
            spot=float(self.paths.spot[row]),
            shares_delta=delta,
            shares_gamma=gamma,
            vega_usd=vega,
            theta_usd=theta,
        )

    def begin(self, session_number: int) -> None:
        """Start a session: credit interest on cash since the previous session."""
        self._interest = round(max(self.cash, 0) * float(self.market.interest[session_number]))
        self._session_fees = 0
        self.cash += self._interest

    def open_position(self, trade: int, session_number: int, price: float) -> None:
        """Fill an entry at `price`, USD a share.

        Maximum loss and profit of the plan shift by the difference from the planned price. The
        fill is refused as BAD_FILL if no loss or no profit is possible any more.
        """
        contracts = self.contracts[trade]
        units = SHARES * contracts
        better = (self.limit_price[trade] - price) * units
        loss, profit = self.max_loss_usd[trade] - better, self.max_profit_usd[trade] + better
        if loss <= 0 or profit <= 0:
            self.refuse(trade, session_number, "BAD_FILL", price, self.limit_price[trade])
            return
        every = np.ones(self.paths.legs.side.shape[1], dtype=bool)
        fee = self._fee(trade, session_number, contracts, every)
        cost = to_cents(price, units)
        self._pay(trade, -cost - fee)
        self._session_fees += fee
        expiry = self.paths.legs.first_expiry[trade].astype(object)
        session = self.market.sessions[session_number]
        self.open[trade] = BacktestPosition(
            trade=trade,
            plan_id=self.plan_id[trade],
            ticker=self.ticker[trade],
            contracts=contracts,
            opened=session_number,
            first_row=int(self.paths.first[trade]),
            last_session=session_number + self._life(trade) - 1,
            entry_price=price,
            entry_cents=cost,
            fee_cents=fee,
            entry_dte=(expiry - session).days,
            expiry=expiry,
            max_loss_usd=loss,
            max_profit_usd=profit,
        )
        row = int(self.paths.first[trade])
        self._fill_rows(
            trade, session_number, ["open"] * len(every), self.paths.leg_opening[row], 1.0
        )

    def close(self, position: BacktestPosition, session_number: int, reason: str) -> None:
        """Close a position at this session's prices; what expires or is assigned costs no fee."""
        row = position.row(session_number)
        assigned = reason == "ASSIGNED" and position.assigned_on == session_number - 1
        price = self.paths.closing_price(row, reason)
        if assigned:
            price = float(self.paths.assigned_closing[row])
        traded = self.paths.legs.last_day[position.trade] > self.market.days[session_number]
        if reason == "NO_MARKET":
            traded = np.zeros_like(traded)
        paid = traded & ~self.paths.assigned_legs[row - 1] if assigned else traded
        fee = self._fee(position.trade, session_number, position.contracts, paid)
        legs = self.paths.leg_far_closing if reason in FOR_REPORT else self.paths.leg_closing
        legs = self.paths.leg_assigned if assigned else legs
        proceeds = to_cents(price, position.units)
        self._pay(position.trade, proceeds - fee)
        self._session_fees += fee
        position.fee_cents += fee
        action = "assign" if assigned else "close"
        actions = np.where(traded, action, "settle").tolist()
        self._fill_rows(position.trade, session_number, actions, legs[row], -1.0)
        del self.open[position.trade]
        mid = float(self.paths.assigned_closing[row]) if assigned else float(self.paths.mark[row])
        self._trade_row(position, session_number, price, proceeds, mid, reason)

    def _pay(self, trade: int, cents: int) -> None:
        """Book what a trade brings, or costs, into the account and to its rule set."""
        self.cash += cents
        if self.rules.sets:
            name = self.rule_set[trade]
            self._cash_of_set[name] = self._cash_of_set.get(name, 0) + cents

    def refuse(
        self, trade: int, session_number: int, rule: str, value: float, threshold: float
    ) -> None:
        """Record why a planned trade was refused or did not fill."""
        self._rows["refusals"].append(
            (
                self.market.sessions[session_number], self.plan_id[trade], self.ticker[trade],
                rule, float(value), float(threshold),
            )
        )  # fmt: skip

    def mark(self, session_number: int) -> None:
        """Mark the open positions at this close and record the account."""
        session = self.market.sessions[session_number]
        positions = 0
        of_sets: dict[str, list[float]] = {}
        by_ticker: dict[str, list[float]] = {}
        for position in self.open.values():
            row = position.row(session_number)
            price = float(self.paths.mark[row])
            value = to_cents(price, position.units)
            positions += value
            greeks = [float(self.paths.greeks[name][row]) * position.units for name in GREEKS]
            notional = position.units * float(self.paths.spot[row])
            self._rows["marks"].append(
                (
                    session, position.plan_id, position.ticker, price, value / CENTS,
                    not self.paths.has_data[row], *greeks, position.max_loss_usd, notional,
                )
            )  # fmt: skip
            if self.rules.sets:
                of_set = of_sets.setdefault(self.rule_set[position.trade], [0, 0, 0.0])
                for n, part in enumerate((value, 1, position.max_loss_usd)):
                    of_set[n] += part
            sums = by_ticker.setdefault(position.ticker, [0.0] * (len(GREEKS) + 3))
            for n, value_of_position in enumerate((*greeks, 1, position.max_loss_usd, notional)):
                sums[n] += value_of_position
        for ticker, sums in by_ticker.items():
            self._rows["greeks"].append((session, ticker, *sums[: len(GREEKS)]))
            self._rows["exposures"].append((session, ticker, int(sums[-3]), *sums[-2:]))
        for name, cash in self._cash_of_set.items():
            worth, count, risk = of_sets.get(name, [0, 0, 0.0])
            self._rows["by_set"].append(
                (session, name, (cash + worth) / CENTS, worth / CENTS, int(count), risk)
            )
        self.equity = self.cash + positions
        reserved = sum(position.max_loss_usd for position in self.open.values())
        self._rows["equity"].append(
            (
                session, self.cash / CENTS, positions / CENTS, self.equity / CENTS,
                self._interest / CENTS, self._session_fees / CENTS, len(self.open), reserved,
                self.equity / CENTS - reserved, bool(self.market.yield_stale[session_number]),
            )
        )  # fmt: skip

    def result(self) -> results.BacktestResult:
        """The frames of the run; positions still open are valued at their last marks."""
        last = len(self.market.sessions) - 1
        for position in self.open.values():
            row = position.row(last)
            price = float(self.paths.mark[row])
            self._trade_row(position, last, price, to_cents(price, position.units), price, None)
        schemas = {
            "trades": results.TRADES,
            "fills": results.FILLS,
            "marks": results.MARKS,
            "equity": results.EQUITY,
            "greeks": results.GREEKS_BY_TICKER,
            "exposures": results.EXPOSURES,
            "refusals": results.REFUSALS,
            "sources": SOURCES,
            "by_set": results.BY_SET,
        }
        frames = {
            name: pl.DataFrame(self._rows[name], schema=schema, orient="row")
            for name, schema in schemas.items()
        }
        frames["trades"] = frames["trades"].sort("opened_on", "ticker", "plan_id")
        return results.BacktestResult(self.rules.start_usd, **frames)

    def _concession_usd(self, trade: int) -> float:
        """What the last rung of a trade's ladder costs beyond its limit, USD for one spread."""
        if self.rules.entry_order == "limit":
            return 0.0
        # Orders have their ratios in lowest terms: a spread of 2:2 is sent as two of 1:1.
        common = int(np.gcd.reduce(self.paths.legs.side[trade].astype(np.int64)))
        limit = self.limit_price[trade] / common
        return SHARES * common * self.rules.ladder.concession_of_entry(limit)

    def _life(self, trade: int) -> int:
        """Number of sessions in the path; beyond the data if these end before the expiry."""
        ends_in_data = self.paths.legs.last_day[trade].min() <= self.market.days[-1]
        return int(self.paths.length[trade]) if ends_in_data else len(self.market.sessions) + 1

    def _fee(self, trade: int, session_number: int, contracts: int, traded: Bools) -> int:
        legs = float(np.sum(np.abs(self.paths.legs.side[trade][traded])))
        return to_cents(float(self._fees[session_number]) * legs, contracts)

    def _fill_rows(
        self, trade: int, session_number: int, actions: list[str], prices: Floats, direction: float
    ) -> None:
        legs = self.paths.legs
        for leg in np.flatnonzero(legs.side[trade]).tolist():
            side = legs.side[trade, leg] * direction
            self._rows["fills"].append(
                (
                    self.market.sessions[session_number], self.plan_id[trade], self.ticker[trade],
                    actions[leg], leg + 1, "buy" if side > 0 else "sell",
                    "call" if legs.sign[trade, leg] > 0 else "put", float(legs.strike[trade, leg]),
                    legs.expiry[trade, leg].astype(object),
                    int(abs(side)) * self.contracts[trade], float(prices[leg]),
                )
            )  # fmt: skip

    def _trade_row(
        self, position: BacktestPosition, session_number: int, price: float, proceeds: int,
        mid: float, reason: str | None,
    ) -> None:  # fmt: skip
        trade, row = position.trade, position.row(session_number)
        self._rows["sources"].append(
            sources_of(position.plan_id, self.paths.source[position.first_row : row + 1])
        )
        strategy, regime, direction, planned_on = self._plan_labels[trade]
        pnl = (proceeds - position.entry_cents - position.fee_cents) / CENTS
        opened_at = float(self.paths.mark[position.first_row])
        slippage = (position.entry_price - opened_at + mid - price) * position.units
        parts = [
            float(np.sum(self.paths.parts[name][position.first_row + 1 : row + 1])) * position.units
            for name in GREEKS
        ]
        fees = position.fee_cents / CENTS
        most = position.max_profit_usd if math.isfinite(position.max_profit_usd) else None
        session = self.market.sessions[session_number]
        opened_on = self.market.sessions[position.opened]
        self._rows["trades"].append(
            (
                position.plan_id, position.ticker, strategy, regime, direction, planned_on,
                opened_on, session if reason is not None else None, position.expiry,
                position.contracts, position.entry_price, price if reason is not None else None,
                reason, (session - opened_on).days, fees, slippage, pnl, position.max_loss_usd,
                most, *parts, pnl + fees + slippage - sum(parts), self.rule_set[trade],
            )
        )  # fmt: skip
