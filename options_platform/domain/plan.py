"""The trade plan: from predictions and regime to a spread with strikes, expiry, size and price.

1. `selection` names the strategy or the refusal of every row.
2. The rows that trade are taken strategy by strategy: expiry, strikes by delta on the chain,
   quotes, net price, maximum loss and profit.
3. `sizing` gives the number of contracts; nothing that fits the budget is a refusal as well.
Every row is computed from itself alone, so a session's plan is the same in any range.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.chain import (
    ChainRules,
    Quotes,
    option_sign,
    quote,
    snap_strike,
    strike_nearest_delta,
    strike_step,
    years_of,
)
from options_platform.domain.expiries import choose_expiries
from options_platform.domain.pricing import Floats
from options_platform.domain.selection import NONE, SelectionRules, select_strategies
from options_platform.domain.sizing import SizingRules, contracts
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.strategies.base import Strategy, max_loss, max_profit

SHARES = 100.0
SIDES = {"buy": 1.0, "sell": -1.0}


def _by_regime(
    low: float, high: float, contraction: float, expansion: float, neutral: float
) -> dict[str, float]:
    return {
        "low_vol": low,
        "high_vol": high,
        "iv_contraction": contraction,
        "iv_expansion": expansion,
        "neutral": neutral,
    }


@dataclass(frozen=True)
class StrikeRules:
    """Deltas (absolute) and widths of the spreads by regime.

    Debit spreads anchor the bought leg at `long_delta`, credit spreads the sold leg at
    `short_delta`. `width_mode`: `fixed` takes `width_usd` (USD a share), `percent` `width_pct`
    of the spot, `expected_move` `width_moves` x spot x IV x sqrt(T).
    """

    long_delta: dict[str, float] = field(
        default_factory=lambda: _by_regime(0.40, 0.30, 0.25, 0.45, 0.35)
    )
    short_delta: dict[str, float] = field(
        default_factory=lambda: _by_regime(0.30, 0.20, 0.15, 0.35, 0.25)
    )
    width_mode: str = "fixed"
    width_usd: dict[str, float] = field(
        default_factory=lambda: _by_regime(5.0, 10.0, 5.0, 5.0, 5.0)
    )
    width_pct: float = 0.02
    width_moves: float = 0.5

    def __post_init__(self) -> None:
        if self.width_mode not in ("fixed", "percent", "expected_move"):
            raise ValueError("width_mode must be fixed, percent or expected_move")


@dataclass(frozen=True)
class CostRules:
    """Commission and exchange fees, USD a contract and side."""

    fee_per_contract_usd: float = 0.65


@dataclass(frozen=True)
class PlanRules:
    """Everything that the plan decides by."""

    selection: SelectionRules = field(default_factory=SelectionRules)
    strikes: StrikeRules = field(default_factory=StrikeRules)
    sizing: SizingRules = field(default_factory=SizingRules)
    chain: ChainRules = field(default_factory=ChainRules)
    costs: CostRules = field(default_factory=CostRules)


def build_plans(inputs: pl.DataFrame, rules: PlanRules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The plan of each row and the legs of each trade.

    Args:
        inputs: date, ticker, close, split_factor, bad_reason, vix, iv_close, iv_rank, regime,
            direction, p_bearish, p_neutral, p_bullish, confidence, iv_rank_change_pred.
        rules: all settings of the plan.

    Returns:
        Rows of `trade_plan`, one for each input row, and of `trade_plan_legs`.
    """
    rows = select_strategies(inputs.sort("date", "ticker"), rules.selection).with_columns(
        spot=pl.col("close") * pl.col("split_factor").fill_null(1.0),
        strike_basis=pl.when(pl.col("split_factor").is_not_null())
        .then(pl.lit("as_traded"))
        .otherwise(pl.lit("adjusted")),
    )
    plans = [_refused(rows.filter(pl.col("strategy") == NONE))]
    legs = [TRADE_PLAN_LEGS.empty()]
    for strategy in STRATEGIES.values():
        chosen = rows.filter(pl.col("strategy") == strategy.name)
        if chosen.height:
            planned, planned_legs = _plan_strategy(chosen, strategy, rules)
            plans.append(planned)
            legs.append(planned_legs)
    return (
        pl.concat(plans).sort("date", "ticker"),
        pl.concat(legs).sort("date", "ticker", "leg"),
    )


def _plan_strategy(
    rows: pl.DataFrame, strategy: Strategy, rules: PlanRules
) -> tuple[pl.DataFrame, pl.DataFrame]:
    sessions = rows["date"].to_numpy().astype("datetime64[D]")
    expiry = choose_expiries(
        sessions,
        rows["target_dte"].to_numpy().astype(np.int64),
        rules.selection.min_dte,
        rules.selection.max_dte,
        rows["ticker"].to_list(),
    )
    listed = ~np.isnat(expiry)
    unlisted = _refused(_with_refusal(rows.filter(pl.Series(~listed)), "NO_EXPIRY"))
    rows, expiry, sessions = rows.filter(pl.Series(listed)), expiry[listed], sessions[listed]
    if rows.is_empty():
        return unlisted, TRADE_PLAN_LEGS.empty()
    priced = _price(rows, expiry, (expiry - sessions).astype(np.int64), strategy, rules)
    trades = priced.rows.filter(pl.col("refusal").is_null())
    refused = _refused(priced.rows.filter(pl.col("refusal").is_not_null()))
    plans, legs = _traded(trades, priced.legs, strategy)
    return pl.concat([unlisted, refused, plans]), legs


@dataclass(frozen=True)
class _Priced:
    rows: pl.DataFrame
    legs: pl.DataFrame


def _price(
    rows: pl.DataFrame, expiry: Any, dte: Any, strategy: Strategy, rules: PlanRules
) -> _Priced:
    """Strikes, quotes, net price, limits and size of every row of one strategy."""
    spot, atm = rows["spot"].to_numpy(), rows["iv_close"].to_numpy() / 100.0
    years = years_of(dte)
    strikes, widths = _strikes(rows, spot, atm, years, strategy, rules.strikes, rules.chain)
    quotes: list[Quotes] = []
    for number, leg in enumerate(strategy.legs):
        sign = option_sign(np.full(rows.height, leg.right))
        quotes.append(quote(spot, strikes[number], years, atm, sign, rules.chain))
    sides = [SIDES[leg.side] for leg in strategy.legs]
    net = np.round(_total(sides, [q.mid for q in quotes]), 2)
    fees = 2.0 * len(sides) * rules.costs.fee_per_contract_usd
    loss = max_loss(strategy.kind, widths, net)
    profit = max_profit(strategy.kind, widths, net)
    loss_usd = loss * SHARES + fees
    multiplier = rows["regime"].replace_strict(
        rules.sizing.regime_multiplier, return_dtype=pl.Float64
    )
    bad = _bad_quote(strategy, net, widths, quotes)
    safe = np.where(bad, 1.0, loss_usd)
    count = contracts(safe, multiplier.to_numpy(), rows["confidence"].to_numpy(), rules.sizing)
    size = SHARES * count
    greek = {
        name: _total(sides, [getattr(q.greeks, name) for q in quotes]) * size
        for name in ("delta", "gamma", "theta", "vega")
    }
    refusal = np.where(bad, "BAD_QUOTE", np.where(count < 1, "RISK_BUDGET", ""))
    priced = rows.with_columns(
        expiry=pl.Series(expiry).cast(pl.Date),
        dte=pl.Series(dte).cast(pl.Int32),
        width=pl.Series(np.max(widths, axis=1)),
        contracts=pl.Series(count),
        limit_price=pl.Series(net),
        max_loss_usd=pl.Series(loss_usd * count),
        max_profit_usd=pl.Series((profit * SHARES - fees) * count),
        **{f"net_{name}": pl.Series(values) for name, values in greek.items()},
        refusal=pl.when(pl.Series(refusal) != "").then(pl.Series(refusal)),
    )
    return _Priced(priced, _leg_rows(priced, strategy, quotes))


def _strikes(
    rows: pl.DataFrame,
    spot: Floats,
    atm: Floats,
    years: Floats,
    strategy: Strategy,
    rules: StrikeRules,
    chain: ChainRules,
) -> tuple[list[Floats], Floats]:
    """The strikes of each leg, and the width for each right as columns."""
    deltas = rules.long_delta if strategy.kind == "debit" else rules.short_delta
    delta = rows["regime"].replace_strict(deltas, return_dtype=pl.Float64).to_numpy()
    step = strike_step(spot)
    distance = np.maximum(snap_strike(_width(rows, spot, atm, years, rules), step), step)
    anchors: dict[str, Floats] = {}
    wings: dict[str, Floats] = {}
    for right in strategy.rights:
        sign = option_sign(np.full(rows.height, right))
        anchors[right] = strike_nearest_delta(spot, years, atm, sign, delta, chain)
        wings[right] = np.maximum(anchors[right] + sign * distance, step)
    strikes = [(anchors if leg.role == "anchor" else wings)[leg.right] for leg in strategy.legs]
    widths = np.stack([np.abs(wings[r] - anchors[r]) for r in strategy.rights], axis=1)
    return strikes, widths


def _width(
    rows: pl.DataFrame, spot: Floats, atm: Floats, years: Floats, rules: StrikeRules
) -> Floats:
    if rules.width_mode == "percent":
        return spot * rules.width_pct
    if rules.width_mode == "expected_move":
        return np.asarray(rules.width_moves * spot * atm * np.sqrt(years))
    widths = rows["regime"].replace_strict(rules.width_usd, return_dtype=pl.Float64)
    return np.asarray(widths.to_numpy(), dtype=np.float64)


def _bad_quote(strategy: Strategy, net: Floats, widths: Floats, quotes: list[Quotes]) -> Any:
    narrow = np.min(widths, axis=1)
    price = net if strategy.kind == "debit" else -net
    bad = (price <= 0) | (price >= narrow)
    for leg, leg_quotes in zip(strategy.legs, quotes, strict=True):
        if leg.side == "sell":
            bad = bad | (leg_quotes.bid <= 0)
    return bad


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
    rows: pl.DataFrame, legs: pl.DataFrame, strategy: Strategy
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
        chain_source=pl.lit("synthetic"),
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
