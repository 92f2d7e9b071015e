"""The trade plan: from predictions and regime to a spread with strikes, expiry, size and price.

1. `selection` names the strategy or the refusal of every row.
2. The rows that trade are taken strategy by strategy: expiry, strikes by delta on the stored
   chain of the day or else the synthetic one, quotes, net price, maximum loss and profit.
3. `sizing` gives the number of contracts; a spread that the budget refuses is tried at narrower
   widths, and nothing that fits is a refusal as well.
Every row is computed from itself alone, so a session's plan is the same in any range.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from options_platform.common import DEFAULT_RULE_SET, Floats
from options_platform.contracts import TRADE_PLAN_LEGS
from options_platform.domain.calendar.expiries import FIRST_OPTIONS
from options_platform.domain.chain import ChainRules
from options_platform.domain.chain.vol_errors import vol_error
from options_platform.domain.earnings.rules import BlackoutRules
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES, EarningsTradeRules
from options_platform.domain.market.index_series import all_funds, iv_basis_of
from options_platform.domain.planning.conditions.blackout import (
    blackout_refusals,
    with_report_inputs,
    with_windows,
)
from options_platform.domain.planning.conditions.odd_split import split_refusal, with_split_input
from options_platform.domain.planning.conditions.vol_target import scaled_size, vol_scale
from options_platform.domain.planning.expiries import (
    ChainOf,
    LegExpiries,
    chain_expiries,
    listed_expiries,
)
from options_platform.domain.planning.fees import round_trip_fees
from options_platform.domain.planning.leg_quotes import (
    WIDTH_WANTED,
    QuotedLegs,
    chain_quotes,
    synthetic_quotes,
)
from options_platform.domain.planning.liquidity import (
    LiquidityRules,
    asked_of_quotes,
    broken_gates,
    illiquid,
    unsound,
)
from options_platform.domain.planning.narrowing import Priced, narrow_to_fit
from options_platform.domain.planning.needs import needs_account
from options_platform.domain.planning.plan_rows import (
    leg_rows,
    refused_rows,
    traded_rows,
    with_inputs_of_plans,
)
from options_platform.domain.planning.refusals import (
    RefusalRule,
    as_text,
    first_needs,
    first_refusal,
)
from options_platform.domain.planning.report_trades.choice import (
    reasons_of,
    traded_names,
    with_report_trades,
)
from options_platform.domain.planning.report_trades.terms import report_expiries, report_sizing
from options_platform.domain.planning.selection import (
    NONE,
    SelectionRules,
    select_strategies,
)
from options_platform.domain.planning.spread_bounds import spread_bounds, widest
from options_platform.domain.planning.stocks import (
    StockRules,
    of_stocks,
    width_refusal,
    with_unknown_dividends,
)
from options_platform.domain.planning.strike_settings import FIXED, StrikeRules
from options_platform.domain.risk.short_margin import UndefinedRiskRules
from options_platform.domain.risk.sizing import SizingRules, account_needed, contracts
from options_platform.domain.strategies import STRATEGIES, any_strategy
from options_platform.domain.strategies.around_reports import earnings_strategy
from options_platform.domain.strategies.base import Strategy
from options_platform.domain.trading.costs import CostRules

SHARES = 100.0


@dataclass(frozen=True)
class PlanRules:
    """Everything that the plan decides by.

    What sells contracts that no bought one covers loses without bound, such as short straddles and
    strangles; `allow_undefined_risk` permits it. `rule_set` names the set that these rules are of,
    `share` is its share of the account, on whose value `sizing` counts already; `blackout` and
    `earnings_trades` are the account's.
    """

    selection: SelectionRules = field(default_factory=SelectionRules)
    strikes: StrikeRules = field(default_factory=StrikeRules)
    sizing: SizingRules = field(default_factory=SizingRules)
    chain: ChainRules = field(default_factory=ChainRules)
    costs: CostRules = field(default_factory=CostRules)
    liquidity: LiquidityRules = field(default_factory=LiquidityRules)
    stocks: StockRules = field(default_factory=StockRules)
    allow_undefined_risk: bool = False
    undefined_risk: UndefinedRiskRules = field(default_factory=UndefinedRiskRules)
    rule_set: str = DEFAULT_RULE_SET
    share: float = field(default=1.0, metadata={"derived": True})
    blackout: BlackoutRules = field(default_factory=BlackoutRules, metadata={"derived": True})
    earnings_trades: EarningsTradeRules = field(
        default_factory=EarningsTradeRules, metadata={"derived": True}
    )

    def permits(self, strategy: Strategy) -> bool:
        """Whether the strategy may be planned: its loss has a bound, or none is asked for."""
        return strategy.defined_risk or self.allow_undefined_risk

    def require_tradable(self) -> None:
        """:class:`ValueError` where settings that go together let no trade through."""
        low, high, name = self.selection.min_dte, self.selection.max_dte, self.selection.strategy
        if not 1 <= low <= high:
            raise ValueError(f"1 <= min_dte <= max_dte must hold, not {low} and {high}")
        of_reports = traded_names(self.earnings_trades)
        for traded in (name, self.selection.votes.otherwise, *of_reports):
            is_known = traded in STRATEGIES or traded in of_reports
            if is_known and not self.permits(any_strategy(traded)):
                raise ValueError(f"strategy {traded} takes plan.allow_undefined_risk=true as well")
        self._require_sized_votes()

    def _require_sized_votes(self) -> None:
        votes, shares = self.selection.votes, self.sizing.by_votes
        if not shares:
            return
        if not votes.asked:
            raise ValueError("plan.sizing.by_votes takes plan.selection.votes.needed above 0")
        if votes.otherwise != NONE and not any(
            share for count, share in shares.items() if count < votes.needed
        ):
            raise ValueError(
                f"votes.otherwise is traded with fewer than {votes.needed} votes, for which "
                "plan.sizing.by_votes has no share; add one, such as 0 = 0.5"
            )


def build_plans(
    inputs: pl.DataFrame, rules: PlanRules, chain_of: ChainOf | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The plan of each row and the legs of each trade.

    Args:
        inputs: date, ticker, close, split_factor, bad_reason, vix, iv_close, iv_rank, regime,
            direction, p_bearish, p_neutral, p_bullish, confidence, iv_rank_change_pred, and
            where known iv_symbol, vix9d, vix3m and vix6m, dividends_known, the report ahead
            (`conditions.blackout.REPORT_INPUTS`) and odd_split_on, the ex-date of a split ahead
            that is not whole.
        rules: all settings of the plan.
        chain_of: gives the stored real chain of a date and ticker, which the plan then rests on.

    Returns:
        Rows of `trade_plan`, one for each input row, and of `trade_plan_legs`.
    """
    return plan_selected(chosen_rows(inputs.sort("date", "ticker"), rules), rules, chain_of)


def chosen_rows(inputs: pl.DataFrame, rules: PlanRules) -> pl.DataFrame:
    """`inputs` with what the matrix chooses, or the trade of a report in the rows of reports."""
    return with_report_trades(select_strategies(inputs, rules.selection), rules.earnings_trades)


def refused_plans(
    inputs: pl.DataFrame, rules: PlanRules, code: str, needs: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A plan without a trade for each row of `inputs`, refused with `code` whatever it holds.

    `needs` says what would let it through. Returns as :func:`build_plans`.
    """
    rows = select_strategies(inputs.sort("date", "ticker"), rules.selection)
    refused = rows.with_columns(strategy=pl.lit(NONE), refusal=pl.lit(code), needs=pl.lit(needs))
    return plan_selected(refused, rules)


def plan_selected(
    rows: pl.DataFrame, rules: PlanRules, chain_of: ChainOf | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same for rows whose strategy, refusal, needs and target_dte are chosen already."""
    rows = with_windows(with_split_input(with_report_inputs(rows)), rules.blackout)
    rows = with_unknown_dividends(rows, rules.chain.surface)
    rows = _with_index(with_inputs_of_plans(rows)).with_columns(
        spot=pl.col("close") * pl.col("split_factor").fill_null(1.0),
        strike_basis=pl.when(pl.col("split_factor").is_not_null())
        .then(pl.lit("as_traded"))
        .otherwise(pl.lit("adjusted")),
        rule_set=pl.lit(rules.rule_set),
        account_share=pl.lit(rules.share),
        vol_scale=vol_scale(rules.sizing.vol_target),
    )
    unbounded, *_ = spread_refusals(rules)
    no_trade = pl.col("strategy") == NONE
    permitted, refused = _split(rows.filter(~no_trade), unbounded)
    plans, legs = [refused_rows(rows.filter(no_trade)), refused], [TRADE_PLAN_LEGS.empty()]
    for strategy in _planned(rules):
        chosen = permitted.filter(pl.col("strategy") == strategy.name)
        for of_class, own_rules in _by_class(chosen, rules):
            for part, own_chain in _by_source(of_class, chain_of):
                planned, planned_legs = _plan_strategy(part, strategy, own_rules, own_chain)
                plans.append(planned)
                legs.append(planned_legs)
    return (
        pl.concat(plans).sort("date", "ticker"),
        pl.concat(legs).sort("date", "ticker", "leg"),
    )


def _planned(rules: PlanRules) -> list[Strategy]:
    """Every strategy that rows may name, those of reports with their strikes as set."""
    trades = rules.earnings_trades
    return [*STRATEGIES.values(), *(earnings_strategy(n, trades) for n in traded_names(trades))]


def _with_index(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with what the ticker's index measures, and the error at the expiry asked for."""
    rows = rows.with_columns(iv_basis=iv_basis_of(pl.col("ticker"), pl.col("iv_symbol")))
    return rows.with_columns(vol_error=_error_at("target_dte"))


def _error_at(dte: str) -> pl.Expr:
    return vol_error(*(pl.col(name) for name in ("ticker", "iv_symbol", "iv_basis", dte)))


def spread_refusals(rules: PlanRules) -> tuple[RefusalRule, ...]:
    """The rules that are asked of a chosen strategy: its shape, expiry, quotes and size."""
    chosen = rules.selection
    permitted = [own.name for own in _planned(rules) if rules.permits(own)]
    at_least_one = rules.sizing.at_least_one
    return (
        RefusalRule(
            "UNBOUNDED",
            pl.col("wanted"),
            "legs that bound each other"
            + (", or a loss without bound" if rules.allow_undefined_risk else ""),
            ~pl.col("strategy").is_in(permitted),
            pl.lit("plan.allow_undefined_risk=true"),
        ),
        RefusalRule(
            "NO_OPTIONS",
            pl.col("date").cast(pl.String),
            "a session with options on the ticker",
            pl.col("expiry").is_null() & (pl.col("date") < _first_options()),
            pl.format("sessions from {} on", _first_options()),
        ),
        RefusalRule(
            "NO_EXPIRY",
            as_text("dte"),
            f"{chosen.min_dte} to {chosen.max_dte} days",
            pl.col("expiry").is_null(),
            pl.lit(f"a listed expiry {chosen.min_dte} to {chosen.max_dte} days away"),
        ),
        *blackout_refusals(rules.blackout, all_funds(rules.chain.surface.funds)),
        split_refusal(),
        RefusalRule(
            "BAD_QUOTE",
            as_text("limit_price"),
            "sound quotes, a price between zero and the width",
            pl.col("bad_quote"),
        ),
        width_refusal(rules.stocks, rules.chain.surface),
        RefusalRule(
            "ILLIQUID",
            as_text("limit_price"),
            asked_of_quotes(rules.liquidity),
            pl.col("illiquid"),
            pl.col("quotes_needed"),
        ),
        RefusalRule(
            "RISK_BUDGET",
            scaled_size(rules.sizing.vol_target),
            "1 contract within the budget"
            + (f", or {rules.sizing.risk_pct:.3g} of the account" if at_least_one else ""),
            pl.col("contracts") < 1,
            needs_account(rules.sizing, rules.share),
        ),
    )


def _first_options() -> pl.Expr:
    """The first session with options on the row's ticker; null where it is not known."""
    return pl.col("ticker").replace_strict(FIRST_OPTIONS, default=None, return_dtype=pl.Date)


def _split(rows: pl.DataFrame, *rules: RefusalRule) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that no rule refuses, and the plans of those that one does."""
    asked = rows.with_columns(refusal=first_refusal(rules), needs=first_needs(rules))
    is_refused = pl.col("refusal").is_not_null()
    return asked.filter(~is_refused), refused_rows(asked.filter(is_refused))


def _by_class(rows: pl.DataFrame, rules: PlanRules) -> list[tuple[pl.DataFrame, PlanRules]]:
    """The rows with the rules that hold for them: stocks may have widths of their own."""
    strikes = rules.stocks.strikes(rules.strikes)
    if strikes == rules.strikes:
        return [(rows, rules)]
    is_of_stock = of_stocks(rules.chain.surface)
    of_stock = replace(rules, strikes=strikes)
    return [(rows.filter(~is_of_stock), rules), (rows.filter(is_of_stock), of_stock)]


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
    if of_report := strategy.name in EARNINGS_STRATEGIES:
        rows, rules = _for_report(rows, rules)
        expiries = report_expiries(rows, strategy, rules.earnings_trades, chain_of)
    elif chain_of is None:
        expiries = listed_expiries(rows, strategy, rules.selection)
    else:
        expiries = chain_expiries(rows, chain_of, strategy, rules.selection)
    _, no_options, no_expiry, unknown, blackout, split, *of_prices = spread_refusals(rules)
    if chain_of is not None:
        rows = rows.with_columns(vol_error=pl.lit(None, pl.Float64))
    rows = rows.with_columns(
        expiry=pl.Series(expiries.first).cast(pl.Date),
        last_expiry=pl.Series(expiries.last).cast(pl.Date),
    )
    rows, unlisted = _split(rows, no_options, no_expiry, unknown, blackout, split)
    if rows.is_empty():
        return unlisted, TRADE_PLAN_LEGS.empty()

    def price(some: pl.DataFrame, at: StrikeRules) -> Priced:
        return _priced(some, strategy, replace(rules, strikes=at), chain_of)

    strikes = rules.strikes.of_kind(strategy.kind)
    priced, legs = narrow_to_fit(*price(rows, strikes), strategy, strikes, price)
    trades, refused = _split(priced, *of_prices)
    source = "synthetic" if chain_of is None else "real"
    reasons = None
    if of_report:
        reasons = reasons_of(strategy.name, rules.earnings_trades, modelled=chain_of is None)
    plans, legs = traded_rows(trades, legs, strategy, source, reasons)
    return pl.concat([unlisted, refused, plans]), legs


def _for_report(rows: pl.DataFrame, rules: PlanRules) -> tuple[pl.DataFrame, PlanRules]:
    """Rows with the implied move as their width, and the rules that they are planned by."""
    return rows.with_columns((pl.col("spot") * pl.col("priced_move")).alias(WIDTH_WANTED)), replace(
        rules,
        sizing=report_sizing(rules.sizing, rules.earnings_trades),
        strikes=replace(rules.strikes, width_mode=FIXED, narrow_to_fit=False),
    )


def _priced(
    rows: pl.DataFrame, strategy: Strategy, rules: PlanRules, chain_of: ChainOf | None
) -> Priced:
    """The rows, whose expiries are chosen, with strikes, prices and sizes; and their legs."""
    expiries = LegExpiries(
        *(rows[name].to_numpy().astype("datetime64[D]") for name in ("expiry", "last_expiry"))
    )
    quoted = (
        synthetic_quotes(rows, expiries, strategy, rules.strikes, rules.chain)
        if chain_of is None
        else chain_quotes(rows, expiries, strategy, rules.strikes, rules.chain, chain_of)
    )
    priced = _price(rows, strategy, rules, quoted)
    if chain_of is None:
        priced = priced.with_columns(vol_error=_error_at("dte"))
    return priced, leg_rows(priced, strategy, quoted.quotes, expiries)


def _price(
    rows: pl.DataFrame, strategy: Strategy, rules: PlanRules, quoted: QuotedLegs
) -> pl.DataFrame:
    """`rows` of one strategy with price, bounds, size and greeks, and what is wrong with quotes."""
    sides, bid, ask = strategy.sides, quoted.each("bid"), quoted.each("ask")
    net = np.round(_total(sides, quoted.each("mid")), 2)
    fees = round_trip_fees(strategy, rows["date"].to_numpy(), rules.costs)
    stress = None
    if WIDTH_WANTED in rows.columns:
        stress = rules.earnings_trades.undefined_moves * rows["priced_move"].to_numpy()
    bounds = spread_bounds(
        strategy, quoted, rows["spot"].to_numpy(), net, rules.chain, rules.undefined_risk, stress
    )
    loss_usd = bounds.loss * SHARES + fees
    multiplier = rows["regime"].replace_strict(
        rules.sizing.regime_multiplier, return_dtype=pl.Float64
    )
    multiplier *= rows["vol_scale"].fill_null(1.0)
    scales = multiplier.to_numpy(), rows["confidence"].to_numpy()
    votes = rows["votes"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    price = net if strategy.kind == "debit" else -net
    bad = ~(price > 0) | (price >= bounds.price_limit) | ~(bounds.loss > 0) | unsound(bid, ask)
    broken = broken_gates(
        sides, bid, ask, net, rules.liquidity, quoted.open_interest, quoted.volume
    )
    safe = np.where(bad, 1.0, loss_usd)
    count = contracts(safe, *scales, rules.sizing, votes)
    size = SHARES * count
    bounded = np.where(np.isfinite(bounds.profit), bounds.profit, np.nan)
    greek = {
        name: _total(sides, np.stack([getattr(q.greeks, name) for q in quoted.quotes], 1)) * size
        for name in ("delta", "gamma", "theta", "vega")
    }
    return rows.with_columns(
        dte=(pl.col("expiry") - pl.col("date")).dt.total_days().cast(pl.Int32),
        width=pl.Series(widest(strategy, quoted.each("strike"))).fill_nan(None),
        contracts=pl.Series(count),
        spread_loss_usd=pl.Series(loss_usd),
        account_needed=pl.Series(account_needed(safe, *scales, rules.sizing, votes)),
        limit_price=pl.Series(net),
        max_loss_usd=pl.Series(loss_usd * count),
        max_profit_usd=pl.Series((bounded * SHARES - fees) * count).fill_nan(None),
        fee_share=(pl.Series(fees) / pl.Series(bounded * SHARES)).fill_nan(None),
        **{f"net_{name}": pl.Series(values) for name, values in greek.items()},
        bad_quote=pl.Series(bad),
        illiquid=pl.Series(illiquid(broken)),
        quotes_needed=pl.concat_str(
            [
                pl.when(pl.Series(is_broken)).then(pl.lit(gate))
                for gate, is_broken in broken.items()
            ],
            separator=", ",
            ignore_nulls=True,
        ),
    )


def _total(sides: Floats, values: Floats) -> Floats:
    """Leg by leg, so that a row is the same in any batch."""
    total = sides[0] * values[:, 0]
    for leg in range(1, len(sides)):
        total = total + sides[leg] * values[:, leg]
    return np.asarray(total)
