"""The page of the rules of trading: values from the settings' defaults, answers from the code."""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.backtest.rules import BacktestOptions, BacktestRules
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.planning.reasons import REASONS
from options_platform.domain.planning.rule_trace import asked_rules
from options_platform.domain.planning.selection import target_dte, wanted_strategy
from options_platform.domain.planning.strikes import StrikeRules
from options_platform.domain.risk.sizing import contracts
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.strategies.base import Leg
from options_platform.domain.trading import ex_dividend
from options_platform.domain.trading.fills import FILL_MODELS
from options_platform.settings import Settings
from tools.markdown import table

DIRECTIONS = ("bullish", "neutral", "bearish")
RANKS = (0.2, 0.4, 0.6, 0.8)
CONFIDENCES = (0.0, 0.5, 1.0)
EXAMPLE_LOSS_USD = 400.0
# Settings of the account have one place.
AT_THE_TOP = {name: name for name in ("account_value_usd", "max_risk_usd")}


def rules_page(generated: str) -> str:
    """The whole page; `generated` is the line that says where generated pages come from."""
    settings = Settings()
    plan, rules = settings.plan, settings.backtest_rules
    parts = [
        "# Rules of trading",
        generated.format(source="`options_platform/settings/` and `options_platform/domain/`"),
        (
            "What the platform trades, in the order in which it decides, with the default "
            "settings. Each value is a setting: `OPTIONS_EXITS__EXIT_DTE=14`, or in "
            "`options.toml`. `options-platform backtest --vary exits.exit_dte=14,21` shows what "
            "another value would have brought."
        ),
        *_regimes(settings),
        *_matrix(plan),
        *_strategies(),
        *_undefined_risk(plan),
        *_strikes(plan.strikes),
        *_days(plan),
        *_size(plan),
        *_refusals(plan),
        *_section("Exits", "exits", settings.exits),
        (
            "They are asked at each close, in the order EXPIRY_NEAR, STOP_LOSS, EX_DIVIDEND, "
            "TAKE_PROFIT, TIME, and act in the next session."
        ),
        *_section("Exits before an ex-date", "exits.ex_dividend", settings.exits.ex_dividend),
        _paragraph(ex_dividend),
        *_section("Expiry", "expiry", settings.expiry),
        *_section("Limits of the account", "risk", settings.risk),
        *_section("Limits of the greeks", "risk.greeks", settings.risk.greeks),
        *_section("Kill switch", "risk.kill_switch", settings.risk.kill_switch),
        *_section("What an entry may rest on", "freshness", settings.freshness),
        *_section("Prices within a session", "intraday", settings.intraday),
        *_section("Costs", "plan.costs", plan.costs),
        *_section("Fills", "fills", settings.fills),
        "Fill models, from the best to the worst: "
        + "; ".join(f"`{name}`, {_first(model)}" for name, model in FILL_MODELS.items()),
        *_section("Liquidity", "plan.liquidity", plan.liquidity),
        *_backtest(rules, settings.backtest),
    ]
    return "\n\n".join(parts) + "\n"


def _regimes(settings: Settings) -> list[str]:
    own = settings.regime
    texts = {
        "low_vol": f"VIX below {own.vix_low:g} and IV rank below {own.rank_low:g}",
        "high_vol": f"VIX above {own.vix_high:g} or IV rank above {own.rank_high:g}",
        "iv_expansion": f"HV/IV above {own.hv_iv_expansion:g} and IV rank above "
        f"{own.rank_middle:g}",
        "iv_contraction": f"HV/IV below {own.hv_iv_contraction:g} and IV rank below "
        f"{own.rank_middle:g}",
        "neutral": "none of these",
    }
    rows = ((f"`{name}`", texts[name]) for name in own.order)
    return ["## Regime", "The first that holds (`regime`).", table(("Regime", "Holds when"), rows)]


def _matrix(plan: PlanRules) -> list[str]:
    grid = pl.DataFrame(
        [(regime, direction, rank) for regime in REGIMES for direction in DIRECTIONS
         for rank in RANKS],
        schema=("regime", "direction", "iv_rank"), orient="row",
    )  # fmt: skip
    found = grid.with_columns(strategy=wanted_strategy(plan.selection))
    cells = {
        (regime, direction): _by_rank(dict(rows.select("iv_rank", "strategy").iter_rows()), plan)
        for (regime, direction), rows in found.group_by("regime", "direction", maintain_order=True)
    }
    rows = (
        (f"`{regime}`", *(cells[regime, direction] for direction in DIRECTIONS))
        for regime in REGIMES
    )
    chosen = plan.selection
    return [
        "## Strategy",
        table(("Regime", *DIRECTIONS), rows),
        (
            f"In the neutral regime a directional trade needs a calibrated probability of at least "
            f"{chosen.min_probability:g}. A forecast change of IV rank below "
            f"{chosen.veto_debit_below:g} "
            f"vetoes a debit, above {chosen.veto_credit_above:g} a credit. Iron condors are "
            f"{'on' if chosen.iron_condor_enabled else 'off'} (`iron_condor_enabled`). "
            "`plan.selection.strategy` names one strategy to trade in place of the matrix, "
            f"whatever is predicted (default `{chosen.strategy}`)."
        ),
    ]


def _by_rank(found: dict[float, str], plan: PlanRules) -> str:
    names = list(dict.fromkeys(found.values()))
    if len(names) == 1:
        return _name(names[0])
    bound = plan.selection.debit_below_iv_rank
    low = next(name for rank, name in found.items() if rank < bound)
    high = next(name for rank, name in found.items() if rank > bound)
    return f"{_name(low)} below IV rank {bound:g}, else {_name(high)}"


def _strategies() -> list[str]:
    rows = (
        (
            f"`{own.name}`",
            own.kind,
            own.bias,
            ", ".join(_leg(leg) for leg in own.legs),
            "bounded" if own.defined_risk else "not bounded: needs `plan.allow_undefined_risk`",
        )
        for own in STRATEGIES.values()
    )
    return [
        "## Strategies that there are",
        table(("Strategy", "Kind", "View", "Legs", "Risk"), rows),
    ]


def _leg(leg: Leg) -> str:
    count = f"{leg.ratio} " if leg.ratio > 1 else ""
    away = f", {leg.widths:g} widths" if leg.widths else ""
    return f"{leg.side} {count}{leg.right} ({leg.role}{away})"


def _undefined_risk(plan: PlanRules) -> list[str]:
    allowed = str(plan.allow_undefined_risk).lower()
    return [
        *_section("Undefined risk", "plan.undefined_risk", plan.undefined_risk),
        (
            "What sells contracts that no bought one of its right covers, such as short straddles "
            "and strangles, is planned only with `plan.allow_undefined_risk` "
            f"(default {allowed}), and where `plan.selection.strategy` names one. What they state "
            "as maximum loss is the capital at risk: the larger of the broker's margin beside the "
            "proceeds (FINRA Rule 4210, Cboe) and the loss of the stress. Sizes, limits and buying "
            "power go by it. A larger move loses more."
        ),
    ]


def _strikes(strikes: StrikeRules) -> list[str]:
    rows = (
        (
            f"`{regime}`",
            f"{strikes.long_delta[regime]:g}",
            f"{strikes.short_delta[regime]:g}",
            f"{strikes.width_usd[regime]:g}",
        )
        for regime in REGIMES
    )
    header = (
        "Regime",
        "Delta of the bought leg, debit",
        "Delta of the sold leg, credit",
        "Width, USD",
    )
    return ["## Strikes", _text(strikes), table(header, rows), _values("plan.strikes", strikes)]


def _days(plan: PlanRules) -> list[str]:
    grid = pl.DataFrame(
        [(regime, rank) for regime in REGIMES for rank in (0.2, 0.5, 0.8)],
        schema=("regime", "iv_rank"), orient="row",
    )  # fmt: skip
    found = grid.with_columns(dte=target_dte(plan.selection))
    days = {(regime, rank): dte for regime, rank, dte in found.iter_rows()}
    own = plan.selection
    header = ("Regime", f"IV rank below {own.low_iv_rank:g}", "between",
              f"above {own.high_iv_rank:g}")  # fmt: skip
    rows = ((f"`{r}`", *(str(days[r, rank]) for rank in (0.2, 0.5, 0.8))) for r in REGIMES)
    return [
        "## Days to expiry",
        (
            f"The listed expiry nearest to these calendar days, within {own.min_dte} to "
            f"{own.max_dte}; of two, the later one."
        ),
        table(header, rows),
    ]


def _size(plan: PlanRules) -> list[str]:
    own = plan.sizing
    rows = []
    for regime in REGIMES:
        multiplier = own.regime_multiplier[regime]
        counts = contracts(
            np.full(len(CONFIDENCES), EXAMPLE_LOSS_USD),
            np.full(len(CONFIDENCES), multiplier),
            np.array(CONFIDENCES),
            own,
        )
        rows.append((f"`{regime}`", f"{multiplier:g}", *(str(count) for count in counts)))
    header = ("Regime", "Multiplier", *(f"Contracts at confidence {c:g}" for c in CONFIDENCES))
    return [
        "## Size",
        _first(contracts) + " The budget is account x risk x multiplier x (0.5 + 0.5 x "
        f"confidence). Examples are of a spread that can lose {EXAMPLE_LOSS_USD:g} USD. Where "
        "entries are made the account is the smaller of `account_value_usd` and the account's "
        "equity, for sizes as for limits, in backtests as live.",
        table(header, rows),
        _values("plan.sizing", own),
    ]


def _refusals(plan: PlanRules) -> list[str]:
    rows = ((f"`{own.code}`", REASONS[own.code], own.threshold) for own in asked_rules(plan))
    return [
        "## What keeps a plan from trading",
        (
            "Asked in this order; the first that refuses is the reason. The rule trace "
            "(`backtest_decisions`) holds each rule with its value and threshold."
        ),
        table(("Code", "Meaning", "Asks for"), rows),
    ]


def _backtest(rules: BacktestRules, options: BacktestOptions) -> list[str]:
    return [
        *_section("Early assignment in a backtest", "backtest.assignment", rules.assignment),
        "## Entries in a backtest",
        _text(rules),
        table(
            ("Setting", "Default"),
            (
                ("`backtest.entry_order`", rules.entry_order),
                ("`backtest.buying_power`", str(rules.buying_power).lower()),
                ("`backtest.resume_after_sessions`", _shown(rules.resume_after_sessions)),
            ),
        ),
        "## Baselines without skill",
        (
            "Random directions and the shuffled signal are drawn with as many seeds, so that the "
            "report can say how often luck does as well as the rules."
        ),
        table(
            ("Setting", "Default"),
            (("`backtest.baseline_seeds`", _shown(options.baseline_seeds)),),
        ),
    ]


def _section(title: str, prefix: str, rules: Any) -> list[str]:
    return [f"## {title}", _text(rules), _values(prefix, rules)]


def _values(prefix: str, rules: Any) -> str:
    rows = [
        (
            f"`{AT_THE_TOP.get(field.name, f'{prefix}.{field.name}')}`",
            _shown(getattr(rules, field.name)),
        )
        for field in fields(rules)
        if not is_dataclass(getattr(rules, field.name))
    ]
    return table(("Setting", "Default"), rows)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(part)}" for key, part in value.items()) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:,.10g}"
    return "none" if value is None else str(value)


def _text(rules: Any) -> str:
    """What the settings' class says of them, after what a class that it goes on from says."""
    kinds = [kind for kind in reversed(type(rules).__mro__) if is_dataclass(kind)]
    return " ".join(" ".join(inspect.cleandoc(kind.__doc__ or "").split()) for kind in kinds)


def _paragraph(module: ModuleType) -> str:
    """A module's words without its title."""
    return " ".join(inspect.cleandoc(module.__doc__ or "").split("\n\n")[1].split())


def _first(function: Any) -> str:
    """The first sentence of a docstring."""
    text = " ".join(inspect.cleandoc(function.__doc__ or "").split("\n\n")[0].split())
    return text[0].lower() + text[1:].rstrip(".") if function in FILL_MODELS.values() else text


def _name(strategy: str) -> str:
    return strategy.replace("_", " ")
