"""Variants of the rules, and the honest way to pick one: chosen in the past, scored after it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from itertools import product
from typing import Any, NoReturn

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.backtest.engine import run_backtest
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest.trade_metrics import TradeMetrics, trade_metrics
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.statistics.curve import sharpe
from options_platform.domain.trading.fills import FILL_MODELS
from options_platform.errors import UsageError

PLAN = "plan"
# Parts of the plan's rules that the backtest holds as well: what is planned is what is traded.
SHARED = ("chain", "costs", "sizing")
WARM_UP_YEARS = 3

PLACES: dict[str, tuple[str, ...]] = {
    "account_value_usd": ("plan.sizing.account_value_usd", "start_usd"),
    "max_risk_usd": ("plan.sizing.max_risk_usd",),
    "iron_condor_enabled": ("plan.selection.iron_condor_enabled",),
    "exits.take_profit": ("exits.credit_take_profit", "exits.debit_take_profit"),
    "backtest.assignment": ("assignment",),
    "backtest.buying_power": ("buying_power",),
    "backtest.entry_order": ("entry_order",),
}
"""Settings that act in other places, or in several, than their name says."""


@dataclass(frozen=True)
class Variant:
    """Rules under a name that tells what was varied, e.g. "exits.exit_dte=14"."""

    name: str
    plan: PlanRules
    rules: BacktestRules


def vary(
    plan: PlanRules, rules: BacktestRules, choices: Mapping[str, Sequence[Any]]
) -> list[Variant]:
    """Every combination of `choices`, in their order.

    Args:
        plan: rules of the plan; keys that begin with "plan." change it, those of its chain and its
            costs in the backtest too.
        rules: rules of the backtest, for all other keys.
        choices: values by dotted setting, e.g. {"exits.credit_stop": [1.0, 2.0]}.

    Raises :class:`UsageError` on a setting that does not exist, naming the nearest one.
    """
    found = []
    for values in product(*choices.values()):
        varied_plan, varied_rules = plan, rules
        for key, value in zip(choices, values, strict=True):
            for place in places(key):
                varied_plan, varied_rules = _vary_one(varied_plan, varied_rules, place, value)
        name = ", ".join(f"{key}={value}" for key, value in zip(choices, values, strict=True))
        found.append(Variant(name or "as set", varied_plan, varied_rules))
    return found


def places(key: str) -> tuple[str, ...]:
    """Where a setting acts: the fields that it stands for."""
    for name, found in PLACES.items():
        if key == name or key.startswith(f"{name}."):
            return tuple(place + key.removeprefix(name) for place in found)
    return (key,)


def _vary_one(
    plan: PlanRules, rules: BacktestRules, place: str, value: Any
) -> tuple[PlanRules, BacktestRules]:
    head, _, rest = place.partition(".")
    if head != PLAN or not rest:
        return plan, _set(rules, place.split("."), value, place)
    plan = _set(plan, rest.split("."), value, place)
    part = rest.split(".")[0]
    if part in SHARED:
        shared = {part: getattr(plan, part)}
        rules = replace(rules, **shared)
    return plan, rules


def fill_band(plan: PlanRules, rules: BacktestRules) -> list[Variant]:
    """The same rules under each fill model, from the best to the worst."""
    return vary(plan, rules, {"fills.model": list(FILL_MODELS)})


def run_variants(
    variants: Sequence[Variant], inputs: pl.DataFrame, market: BacktestMarket
) -> Iterator[tuple[Variant, BacktestResult]]:
    """Each variant with its result; plans are made again only where their rules differ."""
    made: tuple[PlanRules, tuple[pl.DataFrame, pl.DataFrame]] | None = None
    for variant in variants:
        if made is None or made[0] != variant.plan:
            made = variant.plan, build_plans(inputs, variant.plan)
        yield variant, run_backtest(*made[1], market, variant.rules)


@dataclass(frozen=True)
class VariantScore:
    """What a grid keeps of a variant: its equity at each session, and its trades' metrics."""

    variant: Variant
    equity: Floats
    trades: TradeMetrics


def scored(pair: tuple[Variant, BacktestResult]) -> VariantScore:
    """What is kept of a variant's result."""
    variant, found = pair
    equity = np.asarray(found.equity["equity_usd"].to_numpy(), dtype=np.float64)
    return VariantScore(variant, equity, trade_metrics(found))


@dataclass(frozen=True)
class WalkForwardChoice:
    """The daily returns after the warm-up, each year by the variant that was best before it.

    `sessions` are those of `returns`; `chosen` has year, variant and past_sharpe; `trials` counts
    every variant that took part, as the deflated Sharpe ratio asks.
    """

    sessions: list[date]
    returns: Floats
    chosen: pl.DataFrame
    trials: int


def choose_walk_forward(
    sessions: Sequence[date], returns: Mapping[str, Floats], warm_up_years: int = WARM_UP_YEARS
) -> WalkForwardChoice:
    """Pick, at the start of each calendar year, the variant with the best Sharpe ratio so far.

    Args:
        sessions: those on which the returns ended, ascending.
        returns: daily excess returns by variant, all of the same sessions.
        warm_up_years: calendar years at the start that only inform the first choice.

    Raises :class:`UsageError` if no year is left after the warm-up. Ties go to the first variant;
    a variant whose ratio is not known yet is not chosen before any that is.
    """
    years = np.array([session.year for session in sessions])
    later = sorted(set(years.tolist()))[warm_up_years:]
    if not later:
        raise UsageError(f"{warm_up_years} years of warm-up leave nothing to score")
    names = list(returns)
    table = np.stack([returns[name] for name in names])
    chosen, parts = [], []
    for year in later:
        past = sharpe(table[:, years < year])
        best = int(np.argmax(np.where(np.isnan(past), -np.inf, past)))
        chosen.append((year, names[best], float(past[best])))
        parts.append(table[best, years == year])
    schema = {"year": pl.Int32, "variant": pl.String, "past_sharpe": pl.Float64}
    return WalkForwardChoice(
        sessions=[session for session in sessions if session.year >= later[0]],
        returns=np.concatenate(parts),
        chosen=pl.DataFrame(chosen, schema=schema, orient="row"),
        trials=len(names),
    )


def _set(rules: Any, path: Sequence[str], value: Any, key: str) -> Any:
    """A copy of nested, frozen rules with one field, or one key of a mapping, replaced."""
    head, rest = path[0], path[1:]
    if isinstance(rules, dict):
        known = [str(name) for name in rules]
        old = rules.get(head)
    else:
        known = [field.name for field in fields(rules)] if is_dataclass(rules) else []
        old = getattr(rules, head, None)
    if head not in known:
        raise_unknown(key, head, known, top=isinstance(rules, BacktestRules))
    changed = _set(old, rest, value, key) if rest else _for_all(old, value, key)
    if isinstance(rules, dict):
        return {**rules, head: changed}
    return replace(rules, **{head: changed})


def _for_all(old: Any, value: Any, key: str) -> Any:
    """The value, in every entry of a mapping: a setting by regime may be given once for all."""
    if not isinstance(old, dict) or isinstance(value, dict):
        return value
    if not old:
        raise UsageError(f"setting {key} has no entries; name the one to vary, e.g. {key}.NAME")
    return dict.fromkeys(old, value)


def raise_unknown(key: str, part: str, known: Sequence[str], *, top: bool) -> NoReturn:
    """:class:`UsageError` that names the known name nearest to `part`."""
    names = [*known, PLAN, *(name for name in PLACES if "." not in name)] if top else [*known]
    near = difflib.get_close_matches(part, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(names)}"
    raise UsageError(f"no setting {key} to vary{hint if names else ''}")
