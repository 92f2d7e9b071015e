"""The documentation page of the trading rules, from the settings' defaults and the code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.backtest.rules import BacktestOptions, BacktestRules
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.planning.reasons import REASONS
from options_platform.domain.planning.report_trades.choice import report_trade_refusals
from options_platform.domain.planning.rule_trace import asked_rules
from options_platform.domain.planning.selection import (
    target_dte,
    upper_part,
    wanted_strategy,
)
from options_platform.domain.planning.strike_settings import StrikeRules
from options_platform.domain.risk.sizing import SizingRules, account_needed, contracts
from options_platform.domain.strategies import STRATEGIES, any_strategy
from options_platform.domain.strategies.base import Leg, Strategy
from options_platform.domain.trading.exits import ex_dividend, pin_risk
from options_platform.domain.trading.fill_prices import FILL_MODELS
from options_platform.settings import Settings
from tools.markdown import table
from tools.settings_tables import first, paragraph, section, shown, text, values
from tools.votes_page import entry_days, votes

DIRECTIONS = ("bullish", "neutral", "bearish")
RANKS = (0.2, 0.4, 0.6, 0.8)
CONFIDENCES = (0.0, 0.5, 1.0)
EXAMPLE_LOSS_USD = 400.0
EXAMPLE_REGIME, EXAMPLE_CONFIDENCE = "high_vol", 0.23
EXAMPLE_LOSSES_USD = (198.0, 465.0, 791.0, 995.0, 2_010.0)
EXAMPLE_ACCOUNTS_USD = (10_000.0, 25_000.0, 50_000.0, 100_000.0, 1_000_000.0)


def rules_page(generated: str) -> str:
    """The whole page; `generated` is the notice on generated pages."""
    settings = Settings()
    plan, rules = settings.plan, settings.backtest_rules
    parts = [
        "# Rules of trading",
        generated.format(source="`options_platform/settings/` and `options_platform/domain/`"),
        (
            "The rules of trading with their default settings, in the order of the decisions. Each "
            "value is a setting: `OPTIONS_EXITS__EXIT_DTE=14`, or in `options.toml`. "
            "`options-platform backtest --vary exits.exit_dte=14,21` shows the result of other "
            "values."
        ),
        *_regimes(settings),
        *_matrix(plan),
        *entry_days(plan),
        *votes(plan),
        *_strategies(),
        *_undefined_risk(plan),
        *_strikes(plan.strikes),
        *_days(plan),
        *_size(plan),
        *_refusals(plan),
        *section("Exits", "exits", settings.exits),
        (
            "Exits are checked at each close, in the order EXPIRY_NEAR, STOP_LOSS, EARNINGS, "
            "EX_DIVIDEND, TAKE_PROFIT, TIME, PIN_RISK, and sent for the next session. A stop "
            "alone, at three credits say, is `exits.credit_stop=3` with "
            "`exits.credit_stop_cap=1`, a `credit_take_profit` above 1, which no credit reaches, "
            "and `exits.exit_dte=0`; positions then leave before their expiry as the rules of "
            "expiry have it."
        ),
        *section("Exits before an ex-date", "exits.ex_dividend", settings.exits.ex_dividend),
        paragraph(ex_dividend),
        *section("Exits near the strike", "exits.pin_risk", settings.exits.pin_risk),
        paragraph(pin_risk),
        (
            "The file of a rule set may loosen the rules of ex-dates and of strikes, or switch "
            "them off: `exits.ex_dividend.enabled = false`, `exits.pin_risk.sessions = 0`. They "
            "are part of how a set trades, as its other exits are; the study does so to compare "
            "both ways. "
            "A set holds nothing of `risk` or `expiry`."
        ),
        *section("Earnings blackout", "blackout", settings.blackout),
        (
            "A plan is refused as `EARNINGS_BLACKOUT` or `EARNINGS_UNKNOWN` by what the close of "
            "its session knew, and an entry again by the newest dates before it is sent. A "
            "position leaves as `EARNINGS`: decided at the close before, worked all session, and "
            "offered at the far side of the quotes in the last half hour; a "
            "backtest fills it there, at the close. A date that moves into the life of an open "
            "position raises the alert `EARNINGS_MOVED`. The blackout is the account's: no rule "
            "set's file holds any of it."
        ),
        *_report_trades(settings),
        *section("Expiry", "expiry", settings.expiry),
        *section("Limits of the account", "risk", settings.risk),
        *section("Limits of a rule set", "limits", settings.limits),
        *section("Limits of the greeks", "risk.greeks", settings.risk.greeks),
        *section("Limit of a gap", "risk.gap", settings.risk.gap),
        (
            "An entry that breaks it is refused as `MAX_GAP_LOSS`, in backtests and live. A ladder "
            "also takes `risk.max_positions` and `risk.max_positions_per_ticker` for its number of "
            "rungs, and `risk.max_ticker_risk_pct`, `risk.max_group_risk_pct` and "
            "`risk.max_total_risk_pct` for the sum of their maximum losses."
        ),
        *section("Kill switch", "risk.kill_switch", settings.risk.kill_switch),
        *section("Freshness of an entry's data", "freshness", settings.freshness),
        *section("Prices within a session", "intraday", settings.intraday),
        *section("Costs", "plan.costs", plan.costs),
        *section("Fills", "fills", settings.fills),
        "Fill models, from the best to the worst: "
        + "; ".join(f"`{name}`, {first(model)}" for name, model in FILL_MODELS.items()),
        *section("Liquidity", "plan.liquidity", plan.liquidity),
        *section("Stocks", "plan.stocks", plan.stocks),
        *_backtest(rules, settings.backtest),
    ]
    return "\n\n".join(parts) + "\n"


def _regimes(settings: Settings) -> list[str]:
    rules = settings.regime
    texts = {
        "low_vol": f"VIX below {rules.vix_low:g} and IV rank below {rules.rank_low:g}",
        "high_vol": f"VIX above {rules.vix_high:g} or IV rank above {rules.rank_high:g}",
        "iv_expansion": f"HV/IV above {rules.hv_iv_expansion:g} and IV rank above "
        f"{rules.rank_middle:g}",
        "iv_contraction": f"HV/IV below {rules.hv_iv_contraction:g} and IV rank below "
        f"{rules.rank_middle:g}",
        "neutral": "none of these",
    }
    rows = ((f"`{name}`", texts[name]) for name in rules.order)
    return ["## Regime", "The first that holds (`regime`).", table(("Regime", "Holds when"), rows)]


def _matrix(plan: PlanRules) -> list[str]:
    grid = pl.DataFrame(
        [(regime, direction, rank) for regime in REGIMES for direction in DIRECTIONS
         for rank in RANKS],
        schema=("regime", "direction", "iv_rank"), orient="row",
    )  # fmt: skip
    chosen = grid.with_columns(strategy=wanted_strategy(plan.selection))
    cells = {
        (regime, direction): _by_rank(dict(rows.select("iv_rank", "strategy").iter_rows()), plan)
        for (regime, direction), rows in chosen.group_by("regime", "direction", maintain_order=True)
    }
    rows = (
        (f"`{regime}`", *(cells[regime, direction] for direction in DIRECTIONS))
        for regime in REGIMES
    )
    selection = plan.selection
    return [
        "## Strategy",
        table(("Regime", *DIRECTIONS), rows),
        (
            f"In the neutral regime a directional trade needs a confident call: one in the "
            f"{upper_part(selection.confident_share)} (`confident_share`) of the probabilities of "
            "the ticker's own bullish and bearish calls in all earlier months, in any regime, by "
            f"the same model; with fewer than {selection.fewest_calls} of them (`fewest_calls`) "
            "none is confident. `min_probability` (default "
            f"{shown(selection.min_probability)}) sets a constant probability in place of that "
            f"level. A forecast change of IV rank below {selection.veto_debit_below:g} "
            f"vetoes a debit (in {', '.join(selection.veto_debit_regimes)}), above "
            f"{selection.veto_credit_above:g} a credit. Iron condors are "
            f"{'on' if selection.iron_condor_enabled else 'off'} (`iron_condor_enabled`). "
            "`plan.selection.strategy` names one strategy to trade in place of the matrix, "
            f"whatever the prediction (default `{selection.strategy}`). Only predictions among "
            f"`plan.selection.directions` (default {', '.join(selection.directions)}) are traded."
        ),
    ]


def _by_rank(strategies: dict[float, str], plan: PlanRules) -> str:
    names = list(dict.fromkeys(strategies.values()))
    if len(names) == 1:
        return _name(names[0])
    bound = plan.selection.debit_below_iv_rank
    low = next(name for rank, name in strategies.items() if rank < bound)
    high = next(name for rank, name in strategies.items() if rank > bound)
    return f"{_name(low)} below IV rank {bound:g}, otherwise {_name(high)}"


def _report_trades(settings: Settings) -> list[str]:
    rules = replace(settings.earnings_trades, enabled=True)
    refusals = (
        (f"`{own.code}`", REASONS[own.code], own.threshold) for own in report_trade_refusals(rules)
    )
    return [
        *section("Trades of a report", "earnings_trades", settings.earnings_trades),
        _strategy_table(any_strategy(name) for name in EARNINGS_STRATEGIES),
        (
            "A width is the implied move. The session of the plan belongs to the report, whatever "
            "the matrix asks for, and its rules are asked before those of the matrix:"
        ),
        table(("Code", "Meaning", "Required"), refusals),
        (
            "An entry is refused as `MAX_EARNINGS_TRADES`, `MAX_EARNINGS_ANCHOR` or "
            "`MAX_EARNINGS_WEEK` by the caps, as `REPORT_MOVED` if by the newest dates the report "
            "no longer lies between the entry and the expiry, and as `EARNINGS_RESEARCH` where "
            "real money would be sent on an unproven strategy. A position leaves as `REPORT_OUT`, "
            "worked all session and offered at the far side of the quotes in the last half hour, "
            "or as `REPORT_AT_OPEN`; as `REPORT_MOVED` if its report has moved beyond the expiry. "
            "A backtest has closing quotes alone and fills all of them at the far side of these."
        ),
    ]


def _strategies() -> list[str]:
    return ["## Strategies", _strategy_table(STRATEGIES.values())]


def _strategy_table(strategies: Iterable[Strategy]) -> str:
    rows = (
        (
            f"`{strategy.name}`",
            strategy.kind,
            strategy.bias,
            ", ".join(_leg(leg) for leg in strategy.legs),
            "bounded"
            if strategy.defined_risk
            else "not bounded: needs `plan.allow_undefined_risk`",
        )
        for strategy in strategies
    )
    return table(("Strategy", "Kind", "View", "Legs", "Risk"), rows)


def _leg(leg: Leg) -> str:
    count = f"{leg.ratio} " if leg.ratio > 1 else ""
    away = f", {leg.widths:g} widths" if leg.widths else ""
    return f"{leg.side} {count}{leg.right} ({leg.role}{away})"


def _undefined_risk(plan: PlanRules) -> list[str]:
    allowed = str(plan.allow_undefined_risk).lower()
    return [
        *section("Undefined risk", "plan.undefined_risk", plan.undefined_risk),
        (
            "What sells contracts that no bought one of its right covers, such as short straddles "
            "and strangles, is planned only with `plan.allow_undefined_risk` "
            f"(default {allowed}), and only if `plan.selection.strategy` names one. Their stated "
            "maximum loss is the capital at risk: the larger of the broker's margin on top of the "
            "proceeds (FINRA Rule 4210, Cboe) and the loss in the stress. Sizes, limits and buying "
            "power use it. A larger move loses more."
        ),
    ]


def _strikes(strikes: StrikeRules) -> list[str]:
    rows = (
        (
            f"`{regime}`",
            f"{strikes.long_delta[regime]:g}",
            f"{strikes.short_delta[regime]:g}",
            f"{strikes.width_usd[regime]:g}",
            f"{strikes.wing_delta[regime]:g}",
        )
        for regime in REGIMES
    )
    header = (
        "Regime",
        "Delta of the bought leg, debit",
        "Delta of the sold leg, credit",
        "Width, USD",
        "Delta of the wing, if by delta",
    )
    return ["## Strikes", text(strikes), table(header, rows), values("plan.strikes", strikes)]


def _days(plan: PlanRules) -> list[str]:
    grid = pl.DataFrame(
        [(regime, rank) for regime in REGIMES for rank in (0.2, 0.5, 0.8)],
        schema=("regime", "iv_rank"), orient="row",
    )  # fmt: skip
    target_days = grid.with_columns(dte=target_dte(plan.selection))
    days = {(regime, rank): dte for regime, rank, dte in target_days.iter_rows()}
    selection = plan.selection
    header = ("Regime", f"IV rank below {selection.low_iv_rank:g}", "between",
              f"above {selection.high_iv_rank:g}")  # fmt: skip
    rows = ((f"`{r}`", *(str(days[r, rank]) for rank in (0.2, 0.5, 0.8))) for r in REGIMES)
    return [
        "## Days to expiry",
        (
            f"The listed expiry nearest to these calendar days, within {selection.min_dte} to "
            f"{selection.max_dte}; of two, the later one. The table is `base_dte` moved by "
            f"`dte_shift` ({selection.dte_shift}) days; `plan.selection.dte_shift=0` leaves the IV "
            "rank out. Expiries of 60 days take `base_dte` and `max_dte` of 60."
        ),
        table(header, rows),
    ]


def _size(plan: PlanRules) -> list[str]:
    sizing = plan.sizing
    rows = []
    for regime in REGIMES:
        multiplier = sizing.regime_multiplier[regime]
        counts = contracts(
            np.full(len(CONFIDENCES), EXAMPLE_LOSS_USD),
            np.full(len(CONFIDENCES), multiplier),
            np.array(CONFIDENCES),
            sizing,
        )
        rows.append((f"`{regime}`", f"{multiplier:g}", *(str(count) for count in counts)))
    header = ("Regime", "Multiplier", *(f"Contracts at confidence {c:g}" for c in CONFIDENCES))
    return [
        "## Size",
        first(contracts) + " The budget is account x risk x multiplier x (0.5 + 0.5 x "
        f"confidence). Examples are for a spread that can lose {EXAMPLE_LOSS_USD:g} USD. At entry "
        "the account is the smaller of `account_value_usd` and the account's equity, for sizes and "
        "limits, in backtests and live. `plan.sizing.by_votes` gives shares of the budget by the "
        "number of votes that hold, in place of 0.5 + 0.5 x confidence: with {2: 0.5, 3: 1.0} two "
        "votes take half of it, three all of it, and fewer nothing. It asks for votes, and where "
        "`otherwise` trades with fewer than these, for a share for that: {0: 0.5, 2: 1.0}. "
        f"`plan.sizing.vol_target`: {text(sizing.vol_target)}",
        table(header, rows),
        f"{first(SizingRules)} At a confidence of {EXAMPLE_CONFIDENCE:g} in `{EXAMPLE_REGIME}`:",
        _single_spreads(sizing),
        _capped(sizing),
        values("plan.sizing", sizing),
        values("plan.sizing.vol_target", sizing.vol_target),
    ]


def _capped(sizing: SizingRules) -> str:
    """From which account on the largest number of spreads, not the budget, sets the size."""
    account = sizing.max_contracts * EXAMPLE_LOSS_USD / sizing.risk_pct
    return (
        f"No plan has more than {sizing.max_contracts} spreads (`plan.sizing.max_contracts`): from "
        f"{account:,.0f} USD on a spread that can lose {EXAMPLE_LOSS_USD:g} USD no longer grows "
        "with the account, even at a confidence and a multiplier of 1. An account of 1,000,000 USD "
        "risks at most "
        f"{sizing.max_contracts * EXAMPLE_LOSS_USD / 1e6:.1%} on it, not {sizing.risk_pct:.0%}."
    )


def _single_spreads(sizing: SizingRules) -> str:
    """What accounts make of spreads with larger and larger losses."""
    losses = np.array(EXAMPLE_LOSSES_USD)
    scales = (
        np.full(len(losses), sizing.regime_multiplier[EXAMPLE_REGIME]),
        np.full(len(losses), EXAMPLE_CONFIDENCE),
    )
    counts = [
        contracts(losses, *scales, replace(sizing, account_value_usd=account))
        for account in EXAMPLE_ACCOUNTS_USD
    ]
    needed = account_needed(losses, *scales, sizing)
    rows = (
        (f"{loss:,.0f} USD", *(str(own[n]) for own in counts), f"{needed[n]:,.0f} USD")
        for n, loss in enumerate(losses)
    )
    accounts = (f"Contracts with {account:,.0f} USD" for account in EXAMPLE_ACCOUNTS_USD)
    return table(("One spread can lose", *accounts, "Smallest account"), rows)


def _refusals(plan: PlanRules) -> list[str]:
    rows = ((f"`{own.code}`", REASONS[own.code], own.threshold) for own in asked_rules(plan))
    return [
        "## Refusals of a plan",
        (
            "The rules are checked in this order; the first that refuses is the reason. The rule "
            "trace (`backtest_decisions`) has each rule with its value and threshold."
        ),
        table(("Code", "Meaning", "Required"), rows),
    ]


def _backtest(rules: BacktestRules, options: BacktestOptions) -> list[str]:
    return [
        *section("Early assignment", "backtest.assignment", rules.assignment),
        "## Entries in a backtest",
        text(rules),
        table(
            ("Setting", "Default"),
            (
                ("`backtest.entry_order`", rules.entry_order),
                ("`backtest.buying_power`", str(rules.buying_power).lower()),
                ("`backtest.resume_after_sessions`", shown(rules.resume_after_sessions)),
                ("`backtest.chains`", rules.chains),
                ("`backtest.gap_sessions`", str(rules.gap_sessions)),
            ),
        ),
        "## Random baselines",
        (
            "Random directions and the shuffled signal are drawn with this many seeds, so that the "
            "report can show how often luck does as well as the rules."
        ),
        table(
            ("Setting", "Default"),
            (("`backtest.baseline_seeds`", shown(options.baseline_seeds)),),
        ),
    ]


def _name(strategy: str) -> str:
    return strategy.replace("_", " ")
