"""Entries of a backtest: the trades that are asked, their order, and the account at that moment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.risk import Check, Exposure
from options_platform.errors import IncompleteDataError


def trades_within(plans: pl.DataFrame, market: BacktestMarket) -> pl.DataFrame:
    """The plans that trade in a session of the market, in the order in which they are asked."""
    is_trade = (pl.col("decision") == "trade") & pl.col("date").is_in(market.sessions)
    return plans.filter(is_trade).sort("date", "ticker")


def require_complete(trades: pl.DataFrame, legs: pl.DataFrame, market: BacktestMarket) -> None:
    """Raise :class:`IncompleteDataError` for a trade without legs, or without bars."""
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


def in_order_of_sets(trades: pl.DataFrame, rules: BacktestRules) -> pl.DataFrame:
    """The trades by session, in it by rule set in the order of `rules.sets`, then by ticker."""
    if not rules.sets:
        return trades
    turn = {name: number for number, name in enumerate(rules.sets)}
    by_turn = pl.col("rule_set").replace_strict(turn, default=len(turn), return_dtype=pl.Int64)
    return trades.sort("date", by_turn, "ticker")


def with_alternates(
    trades: pl.DataFrame, alternates: pl.DataFrame
) -> tuple[pl.DataFrame, dict[int, list[int]]]:
    """The trades followed by their alternates, and by trade the numbers of its own, in order."""
    number = {plan_id: trade for trade, plan_id in enumerate(trades["plan_id"])}
    others = alternates.filter(pl.col("of_plan").is_in(trades["plan_id"].implode())).sort(
        "alternate"
    )
    instead: dict[int, list[int]] = {}
    for at, of_plan in enumerate(others["of_plan"], start=trades.height):
        instead.setdefault(number[of_plan], []).append(at)
    return pl.concat([trades, others.select(trades.columns)]), instead


@dataclass(frozen=True)
class AccountAtClose:
    """What an entry is asked against after a session's mark.

    `halt` is the loss that halted entries; `exposures` are those of the open positions and of the
    entries that were accepted before, `rule_sets` the sets that they are of; `gap_usd` has what one
    spread of a trade loses in a gap, USD.
    """

    equity_usd: float
    halt: Check | None
    exposures: list[Exposure]
    rule_sets: list[str]
    gap_usd: dict[int, tuple[float, ...]]

    def add(self, entry: Exposure, rule_set: str) -> None:
        """Count an accepted entry for those asked after it."""
        self.exposures.append(entry)
        self.rule_sets.append(rule_set)

    def of_set(self, rule_set: str) -> list[Exposure]:
        """The exposures of one rule set."""
        both = zip(self.exposures, self.rule_sets, strict=True)
        return [exposure for exposure, name in both if name == rule_set]


def with_gap(exposure: Exposure, one_spread: tuple[float, ...], contracts: int) -> Exposure:
    """The exposure with the losses of its spreads in a gap."""
    if not one_spread:
        return exposure
    return replace(exposure, gap_usd=tuple(loss * contracts for loss in one_spread))
