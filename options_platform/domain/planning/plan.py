"""The trade plan: from predictions and regime to a spread with strikes, expiry, size and price.

1. `selection` names the strategy or the refusal of every row.
2. The rows that trade are taken strategy by strategy: expiry, strikes by delta on the stored
   chain of the day or else the synthetic one, quotes, net price, maximum loss and profit.
3. `sizing` gives the number of contracts; nothing that fits the budget is a refusal as well.
Every row is computed from itself alone, so a session's plan is the same in any range.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.chain import ChainRules, Quotes, years_of
from options_platform.domain.planning.leg_quotes import (
    ChainOf,
    QuotedLegs,
    chain_expiries,
    chain_quotes,
    listed_expiries,
    synthetic_quotes,
)
from options_platform.domain.planning.liquidity import LiquidityRules, illiquid, unsound
from options_platform.domain.planning.selection import (
    BY_MATRIX,
    NONE,
    SelectionRules,
    select_strategies,
)
from options_platform.domain.planning.strikes import StrikeRules
from options_platform.domain.pricing import CALL, PUT
from options_platform.domain.risk.short_margin import ShortLegs, UndefinedRiskRules, capital_at_risk
from options_platform.domain.risk.sizing import SizingRules, contracts
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.strategies.base import Strategy, max_loss, max_profit
from options_platform.domain.trading.costs import CostRules

SHARES = 100.0
SIDES = {"buy": 1.0, "sell": -1.0}


@dataclass(frozen=True)
class PlanRules:
    """Everything that the plan decides by.

    Short straddles and strangles lose without bound; `allow_undefined_risk` permits them.
    """

    selection: SelectionRules = field(default_factory=SelectionRules)
    strikes: StrikeRules = field(default_factory=StrikeRules)
    sizing: SizingRules = field(default_factory=SizingRules)
    chain: ChainRules = field(default_factory=ChainRules)
    costs: CostRules = field(default_factory=CostRules)
    liquidity: LiquidityRules = field(default_factory=LiquidityRules)
    allow_undefined_risk: bool = False
    undefined_risk: UndefinedRiskRules = field(default_factory=UndefinedRiskRules)

    def permits(self, strategy: Strategy) -> bool:
        """Whether the plan can size the strategy: its legs bound each other, or none need do."""
        return strategy.paired or (self.allow_undefined_risk and strategy.naked)

    def require_tradable(self) -> None:
        """:class:`ValueError` where settings that go together let no trade through."""
        low, high, name = self.selection.min_dte, self.selection.max_dte, self.selection.strategy
        if not 1 <= low <= high:
            raise ValueError(f"1 <= min_dte <= max_dte must hold, not {low} and {high}")
        if name == BY_MATRIX or self.permits(STRATEGIES[name]):
            return
        if STRATEGIES[name].naked:
            raise ValueError(f"strategy {name} takes plan.allow_undefined_risk=true as well")
        planned = ", ".join(own.name for own in STRATEGIES.values() if self.permits(own))
        raise ValueError(
            f"no plan can size the strategy {name}, whose legs are no anchors with their wings; "
            f"there are {planned}"
        )


def build_plans(
    inputs: pl.DataFrame, rules: PlanRules, chain_of: ChainOf | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The plan of each row and the legs of each trade.

    Args:
        inputs: date, ticker, close, split_factor, bad_reason, vix, iv_close, iv_rank, regime,
            direction, p_bearish, p_neutral, p_bullish, confidence, iv_rank_change_pred, and
            where known vix9d, vix3m and vix6m.
        rules: all settings of the plan.
        chain_of: gives the stored real chain of a date and ticker, which the plan then rests on.

    Returns:
        Rows of `trade_plan`, one for each input row, and of `trade_plan_legs`.
    """
    rows = select_strategies(inputs.sort("date", "ticker"), rules.selection)
    return plan_selected(rows, rules, chain_of)


def plan_selected(
    rows: pl.DataFrame, rules: PlanRules, chain_of: ChainOf | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same for rows whose `strategy`, `refusal` and `target_dte` are chosen already."""
    rows = rows.with_columns(
        spot=pl.col("close") * pl.col("split_factor").fill_null(1.0),
        strike_basis=pl.when(pl.col("split_factor").is_not_null())
        .then(pl.lit("as_traded"))
        .otherwise(pl.lit("adjusted")),
    )
    plans = [_refused(rows.filter(pl.col("strategy") == NONE))]
    legs = [TRADE_PLAN_LEGS.empty()]
    for strategy in STRATEGIES.values():
        chosen = rows.filter(pl.col("strategy") == strategy.name)
        if chosen.height and not rules.permits(strategy):
            plans.append(_refused(_with_refusal(chosen, "UNBOUNDED")))
            continue
        for part, own_chain in _by_source(chosen, chain_of):
            planned, planned_legs = _plan_strategy(part, strategy, rules, own_chain)
            plans.append(planned)
            legs.append(planned_legs)
    return (
        pl.concat(plans).sort("date", "ticker"),
        pl.concat(legs).sort("date", "ticker", "leg"),
    )


def _by_source(
    rows: pl.DataFrame, chain_of: ChainOf | None
) -> list[tuple[pl.DataFrame, ChainOf | None]]:
    """The rows without a stored chain, and those with one; parts without rows are left out."""
    if chain_of is None:
        return [(rows, None)] if rows.height else []
    keys = rows.select("date", "ticker").iter_rows()
    has = pl.Series([chain_of(*key) is not None for key in keys], dtype=pl.Boolean)
    parts: list[tuple[pl.DataFrame, ChainOf | None]] = [
        (rows.filter(~has), None), (rows.filter(has), chain_of)
    ]  # fmt: skip
    return [part for part in parts if part[0].height]


def _plan_strategy(
    rows: pl.DataFrame, strategy: Strategy, rules: PlanRules, chain_of: ChainOf | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    expiry = (
        listed_expiries(rows, rules.selection)
        if chain_of is None
        else chain_expiries(rows, chain_of, rules.selection)
    )
    listed = ~np.isnat(expiry)
    unlisted = _refused(_with_refusal(rows.filter(pl.Series(~listed)), "NO_EXPIRY"))
    rows, expiry = rows.filter(pl.Series(listed)), expiry[listed]
    if rows.is_empty():
        return unlisted, TRADE_PLAN_LEGS.empty()
    dte = (expiry - rows["date"].to_numpy().astype("datetime64[D]")).astype(np.int64)
    quoted = (
        synthetic_quotes(rows, dte, strategy, rules.strikes, rules.chain)
        if chain_of is None
        else chain_quotes(rows, expiry, strategy, rules.strikes, rules.chain, chain_of)
    )
    priced = _price(rows, expiry, dte, strategy, rules, quoted)
    trades = priced.rows.filter(pl.col("refusal").is_null())
    refused = _refused(priced.rows.filter(pl.col("refusal").is_not_null()))
    source = "synthetic" if chain_of is None else "real"
    plans, legs = _traded(trades, priced.legs, strategy, source)
    return pl.concat([unlisted, refused, plans]), legs


@dataclass(frozen=True)
class _Priced:
    rows: pl.DataFrame
    legs: pl.DataFrame


def _price(
    rows: pl.DataFrame,
    expiry: Any,
    dte: Any,
    strategy: Strategy,
    rules: PlanRules,
    quoted: QuotedLegs,
) -> _Priced:
    """Net price, limits and size of every row of one strategy."""
    quotes, widths = quoted.quotes, quoted.widths
    sides = [SIDES[leg.side] for leg in strategy.legs]
    net = np.round(_total(sides, [q.mid for q in quotes]), 2)
    fees = 2.0 * len(sides) * rules.costs.fees_on(rows["date"].to_numpy())
    loss = (
        _at_risk(rows, dte, quotes, strategy, rules)
        if strategy.naked
        else max_loss(strategy.kind, widths, net)
    )
    profit = max_profit(strategy.kind, widths, net)
    loss_usd = loss * SHARES + fees
    multiplier = rows["regime"].replace_strict(
        rules.sizing.regime_multiplier, return_dtype=pl.Float64
    )
    bid, ask = (np.stack([getattr(q, name) for q in quotes], axis=1) for name in ("bid", "ask"))
    bad = _bad_quote(strategy, net, widths) | unsound(bid, ask)
    thin = illiquid(
        np.array(sides),
        bid,
        ask,
        net,
        rules.liquidity,
        quoted.open_interest,
        quoted.volume,
    )
    safe = np.where(bad, 1.0, loss_usd)
    count = contracts(safe, multiplier.to_numpy(), rows["confidence"].to_numpy(), rules.sizing)
    size = SHARES * count
    greek = {
        name: _total(sides, [getattr(q.greeks, name) for q in quotes]) * size
        for name in ("delta", "gamma", "theta", "vega")
    }
    refusal = np.select(
        [bad, thin, count < 1], ["BAD_QUOTE", "ILLIQUID", "RISK_BUDGET"], default=""
    )
    priced = rows.with_columns(
        expiry=pl.Series(expiry).cast(pl.Date),
        dte=pl.Series(dte).cast(pl.Int32),
        width=pl.Series(np.max(widths, axis=1)).fill_nan(None),
        contracts=pl.Series(count),
        limit_price=pl.Series(net),
        max_loss_usd=pl.Series(loss_usd * count),
        max_profit_usd=pl.Series((profit * SHARES - fees) * count),
        **{f"net_{name}": pl.Series(values) for name, values in greek.items()},
        refusal=pl.when(pl.Series(refusal) != "").then(pl.Series(refusal)),
    )
    return _Priced(priced, _leg_rows(priced, strategy, quotes))


def _at_risk(
    rows: pl.DataFrame, dte: Any, quotes: list[Quotes], strategy: Strategy, rules: PlanRules
) -> Floats:
    signs = np.array([CALL if leg.right == "call" else PUT for leg in strategy.legs])
    strike, mid, vol = (
        np.stack([getattr(q, name) for q in quotes], axis=1) for name in ("strike", "mid", "iv")
    )
    years = np.broadcast_to(years_of(dte)[:, None], strike.shape)
    sign = np.broadcast_to(signs, strike.shape)
    legs = ShortLegs(rows["spot"].to_numpy(), strike, sign, mid, years, vol)
    chain = rules.chain
    return capital_at_risk(legs, rules.undefined_risk, chain.risk_free_rate, chain.dividend_yield)


def _bad_quote(strategy: Strategy, net: Floats, widths: Floats) -> Any:
    """Whether the mids give a debit or credit outside zero and the width, where there is one."""
    narrow = np.min(widths, axis=1)
    price = net if strategy.kind == "debit" else -net
    return ~(price > 0) | (price >= narrow)


def _total(sides: list[float], values: list[Floats]) -> Floats:
    total = sides[0] * values[0]
    for side, value in zip(sides[1:], values[1:], strict=True):
        total = total + side * value
    return total


def _leg_rows(rows: pl.DataFrame, strategy: Strategy, quotes: list[Quotes]) -> pl.DataFrame:
    frames = [
        rows.select("date", "ticker", "expiry").with_columns(
            leg=pl.lit(number, pl.Int32),
            side=pl.lit(leg.side),
            right=pl.lit(leg.right),
            strike=pl.Series(q.strike),
            ratio=pl.lit(1, pl.Int32),
            iv=pl.Series(q.iv),
            delta=pl.Series(q.greeks.delta),
            bid=pl.Series(q.bid),
            mid=pl.Series(q.mid),
            ask=pl.Series(q.ask),
        )
        for number, (leg, q) in enumerate(zip(strategy.legs, quotes, strict=True), start=1)
    ]
    return pl.concat(frames).sort("date", "ticker", "leg")


def _traded(
    rows: pl.DataFrame, legs: pl.DataFrame, strategy: Strategy, source: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    if rows.is_empty():
        return TRADE_PLAN.empty(), TRADE_PLAN_LEGS.empty()
    legs = legs.join(rows.select("date", "ticker"), on=["date", "ticker"], how="semi")
    shown = legs.group_by("date", "ticker", maintain_order=True).agg(
        pl.concat_str(["side", "right", pl.col("strike").cast(pl.String), "expiry"], separator=" ")
    )
    texts = dict(zip(shown.select("date", "ticker").rows(), shown["side"].to_list(), strict=True))
    ids = [
        plan_id(day, ticker, strategy.name, texts[day, ticker], count, price)
        for day, ticker, count, price in rows.select(
            "date", "ticker", "contracts", "limit_price"
        ).iter_rows()
    ]
    reasons = pl.concat_list(
        pl.concat_str(pl.lit("REGIME_"), pl.col("regime").str.to_uppercase()),
        pl.concat_str(pl.lit("DIRECTION_"), pl.col("direction").str.to_uppercase()),
    )
    plans = rows.with_columns(
        plan_id=pl.Series(ids),
        decision=pl.lit("trade"),
        reasons=reasons,
        chain_source=pl.lit(source),
    ).select(TRADE_PLAN.schema.names())
    keyed = legs.join(plans.select("date", "ticker", "plan_id"), on=["date", "ticker"])
    return plans, keyed.select(TRADE_PLAN_LEGS.schema.names())


def plan_id(day: object, ticker: str, strategy: str, *content: object) -> str:
    """A short hash of a plan's key and content."""
    text = "|".join([str(day), ticker, strategy, *(str(part) for part in content)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _with_refusal(rows: pl.DataFrame, code: str) -> pl.DataFrame:
    return rows.with_columns(refusal=pl.lit(code))


def _refused(rows: pl.DataFrame) -> pl.DataFrame:
    """Plans without a trade; what was chosen before the refusal is not kept."""
    ids = [
        plan_id(day, ticker, NONE, code)
        for day, ticker, code in rows.select("date", "ticker", "refusal").iter_rows()
    ]
    kept = ("date", "ticker", "direction", "confidence", "regime", "iv_rank", "spot", "target_dte")
    return (
        rows.select(*kept, "refusal", "strike_basis")
        .with_columns(
            plan_id=pl.Series(ids, dtype=pl.String),
            decision=pl.lit("no_trade"),
            strategy=pl.lit(NONE),
            reasons=pl.concat_list("refusal"),
            contracts=pl.lit(0, pl.Int32),
            **{
                name: pl.lit(None, dtype)
                for name, dtype in TRADE_PLAN.schema.items()
                if name
                not in (
                    *kept,
                    "plan_id",
                    "decision",
                    "reasons",
                    "strategy",
                    "contracts",
                    "strike_basis",
                )
            },
        )
        .select(TRADE_PLAN.schema.names())
    )
