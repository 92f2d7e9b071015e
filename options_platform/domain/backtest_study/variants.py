"""Variants of the rules, and walk-forward choice among them: chosen on the past, scored after."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from datetime import date
from itertools import product
from typing import Any, NoReturn, TypeVar

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.backtest.engine import run_backtest
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest.trade_metrics import TradeMetrics, trade_metrics
from options_platform.domain.backtest_study.account_sizes import SizeFigures, size_figures
from options_platform.domain.chain import ChainRules
from options_platform.domain.chain.learned import LearnedSurface
from options_platform.domain.earnings.rules import BlackoutRules
from options_platform.domain.earnings.trade_rules import EarningsTradeRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.retired_settings import RETIRED
from options_platform.domain.planning.stocks import StockRules
from options_platform.domain.risk import SetLimits
from options_platform.domain.risk.sizing import drop_absent_target
from options_platform.domain.statistics.curve import sharpe
from options_platform.domain.trading.fill_prices import FILL_MODELS
from options_platform.errors import UsageError

Each = TypeVar("Each")

PLAN = "plan"
# Rules that planning and the backtest must share.
SHARED = ("chain", "costs", "sizing")
WARM_UP_YEARS = 3

PLACES: dict[str, tuple[str, ...]] = {
    "account_value_usd": ("plan.sizing.account_value_usd", "start_usd"),
    "max_risk_usd": ("plan.sizing.max_risk_usd",),
    "iron_condor_enabled": ("plan.selection.iron_condor_enabled",),
    "exits.take_profit": ("exits.credit_take_profit", "exits.debit_take_profit"),
    "backtest.assignment": ("assignment",),
    "backtest.buying_power": ("buying_power",),
    "backtest.chains": ("chains",),
    "blackout": ("plan.blackout", "blackout"),
    "earnings_trades": ("plan.earnings_trades", "earnings_trades"),
    "backtest.entry_order": ("entry_order",),
}
"""Settings that map to other fields than their name says, or to several fields."""


@dataclass(frozen=True)
class Variant:
    """Rules with a name that states what was varied, e.g. "exits.exit_dte=14".

    `leave_out` is the share of sold spreads, those with the highest forecast chance of a stop,
    that a study leaves out; `run_variants` trades all.
    """

    name: str
    plan: PlanRules
    rules: BacktestRules
    leave_out: float = 0.0


def rules_hash(variant: Variant) -> str:
    """Hash (16 hex digits) of all settings of a variant, and of what it leaves out; its name and
    its set's do not matter.

    What stored chains have taught the surface is data, not a setting, and does not matter either.
    """
    plan = asdict(replace(variant.plan, chain=_as_set(variant.plan.chain)))
    plan.pop("rule_set")
    plan.pop("share")
    rules = asdict(replace(variant.rules, chain=_as_set(variant.rules.chain)))
    # What trials were stored without is no part of the hash while it changes nothing.
    if variant.rules.limits == SetLimits():
        rules.pop("limits")
    for part in (plan, rules):
        if part["blackout"] == asdict(BlackoutRules()):
            part.pop("blackout")
        if part["earnings_trades"] == asdict(EarningsTradeRules()):
            part.pop("earnings_trades")
    if variant.plan.stocks == StockRules():
        plan.pop("stocks")
    own = [each["sizing"] for each in rules["sets"].values()]
    for sizing in (plan["sizing"], rules["sizing"], *own):
        drop_absent_target(sizing)
    if not variant.rules.sets:
        rules.pop("sets")
    left_out = [variant.leave_out] if variant.leave_out else []
    text = json.dumps([plan, rules, *left_out], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def first_of_each(items: Sequence[Each], key: Callable[[Each], Hashable]) -> list[Each]:
    """The first of the items with each key, in their order."""
    first: dict[Hashable, Each] = {}
    for item in items:
        first.setdefault(key(item), item)
    return list(first.values())


def _as_set(chain: ChainRules) -> ChainRules:
    """The rules without what their surface has learned."""
    surface = chain.surface
    if not isinstance(surface, LearnedSurface):
        return chain
    return replace(chain, surface=surface.without_fits())


def vary(
    plan: PlanRules, rules: BacktestRules, choices: Mapping[str, Sequence[Any]]
) -> list[Variant]:
    """Every combination of `choices`, in order.

    Args:
        plan: planning rules, changed by keys that begin with "plan."; chain, costs and sizing also
            change in the backtest.
        rules: rules of the backtest, changed by all other keys.
        choices: values by dotted setting, e.g. {"exits.credit_stop": [1.0, 2.0]}.

    Raises:
        UsageError: a setting does not exist; the message suggests the nearest one.
    """
    variants = []
    for values in product(*choices.values()):
        varied_plan, varied_rules = plan, rules
        for key, value in zip(choices, values, strict=True):
            for place in places(key):
                varied_plan, varied_rules = _vary_one(varied_plan, varied_rules, place, value)
        parts = zip(choices, values, strict=True)
        name = ", ".join(f"{key}={_written(value)}" for key, value in parts)
        variants.append(Variant(name or "as set", varied_plan, varied_rules))
    return variants


def _written(value: Any) -> str:
    """A value as `--vary` reads it: parts of several joined by a plus, none where there is none."""
    if isinstance(value, (tuple, list)):
        return "+".join(map(_written, value)) or "none"
    return "none" if value is None else str(value)


def places(key: str) -> tuple[str, ...]:
    """The fields that a setting changes.

    Raises :class:`UsageError` for the name of the rule set, which changes no rule by itself.
    """
    if key in ("rule_set", "plan.rule_set"):
        raise UsageError(
            f"{key} is not varied; to compare sets: options-platform backtest --rule-sets plan,NAME"
        )
    for name, fields_of_setting in PLACES.items():
        if key == name or key.startswith(f"{name}."):
            return tuple(place + key.removeprefix(name) for place in fields_of_setting)
    return (key,)


def _vary_one(
    plan: PlanRules, rules: BacktestRules, place: str, value: Any
) -> tuple[PlanRules, BacktestRules]:
    head, _, field_path = place.partition(".")
    if head != PLAN or not field_path:
        return plan, _set(rules, place.split("."), value, place)
    plan = _set(plan, field_path.split("."), value, place)
    part = field_path.split(".")[0]
    if part in SHARED:
        shared = {part: getattr(plan, part)}
        rules = replace(rules, **shared)
    return plan, rules


def fill_band(plan: PlanRules, rules: BacktestRules) -> list[Variant]:
    """The same rules under each fill model, from the most to the least favourable."""
    return vary(plan, rules, {"fills.model": list(FILL_MODELS)})


def run_variants(
    variants: Sequence[Variant], inputs: pl.DataFrame, market: BacktestMarket
) -> Iterator[tuple[Variant, BacktestResult]]:
    """Each variant with its result; plans are rebuilt only if the planning rules change."""
    for variant, _, result in _runs(variants, inputs, market):
        yield variant, result


def score_variants(
    variants: Sequence[Variant], inputs: pl.DataFrame, market: BacktestMarket
) -> Iterator[VariantScore]:
    """The score of each variant, with what it says of the account."""
    for variant, plans, result in _runs(variants, inputs, market):
        sizes = size_figures(plans, result, variant.plan.sizing.account_value_usd)
        yield replace(scored((variant, result)), sizes=sizes)


def _runs(
    variants: Sequence[Variant], inputs: pl.DataFrame, market: BacktestMarket
) -> Iterator[tuple[Variant, pl.DataFrame, BacktestResult]]:
    made: tuple[tuple[PlanRules, bool], tuple[pl.DataFrame, pl.DataFrame]] | None = None
    for variant in variants:
        stored = market.chain_of(variant.rules.chains)
        key = variant.plan, stored is not None
        if made is None or made[0] != key:
            made = key, build_plans(inputs, variant.plan, stored)
        yield variant, made[1][0], run_backtest(*made[1], market, variant.rules)


@dataclass(frozen=True)
class VariantScore:
    """Score of a variant in a grid: equity at each session (USD) and metrics of its trades.

    `sizes` is what the run says of its account, None where its plans were not at hand.
    """

    variant: Variant
    equity: Floats
    trades: TradeMetrics
    sizes: SizeFigures | None = None


def scored(pair: tuple[Variant, BacktestResult]) -> VariantScore:
    """Reduce a variant's result to its score."""
    variant, result = pair
    equity = np.asarray(result.equity["equity_usd"].to_numpy(), dtype=np.float64)
    return VariantScore(variant, equity, trade_metrics(result))


@dataclass(frozen=True)
class WalkForwardChoice:
    """Daily excess returns after the warm-up, each year from the variant that was best before.

    `sessions` belong to `returns`; `chosen` has year, variant and past_sharpe; `trials` is the
    number of variants, which the deflated Sharpe ratio needs.
    """

    sessions: list[date]
    returns: Floats
    chosen: pl.DataFrame
    trials: int


def choose_walk_forward(
    sessions: Sequence[date], returns: Mapping[str, Floats], warm_up_years: int = WARM_UP_YEARS
) -> WalkForwardChoice:
    """Choose, at the start of each calendar year, the variant with the best Sharpe ratio so far.

    Ties go to the first variant; a variant with an undefined ratio is chosen last.

    Args:
        sessions: sessions of the returns, ascending.
        returns: daily excess returns by variant, all over these sessions.
        warm_up_years: calendar years at the start that are used for the first choice only.

    Raises:
        UsageError: no year remains after the warm-up.
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
    head, subpath = path[0], path[1:]
    if isinstance(rules, dict):
        names = [str(name) for name in rules]
        old = rules.get(head)
    else:
        names = [field.name for field in fields(rules)] if is_dataclass(rules) else []
        old = getattr(rules, head, None)
    if head not in names:
        raise_unknown(key, head, names, top=isinstance(rules, BacktestRules))
    changed = _set(old, subpath, value, key) if subpath else _for_all(old, value, key)
    if isinstance(rules, dict):
        return {**rules, head: changed}
    return replace(rules, **{head: changed})


def _for_all(old: Any, value: Any, key: str) -> Any:
    """The value; for a mapping (a setting by regime) the value in every entry."""
    if not isinstance(old, dict) or isinstance(value, dict):
        return value
    if not old:
        raise UsageError(f"setting {key} has no entries; name the one to vary, e.g. {key}.NAME")
    return dict.fromkeys(old, value)


def raise_unknown(key: str, part: str, known_names: Sequence[str], *, top: bool) -> NoReturn:
    """Raise :class:`UsageError` with what replaced a retired setting, or else the nearest name."""
    if key in RETIRED:
        raise UsageError(f"no setting {key} to vary any more: {RETIRED[key]}")
    names = (
        [*known_names, PLAN, *(name for name in PLACES if "." not in name)]
        if top
        else [*known_names]
    )
    near = difflib.get_close_matches(part, names, n=1)
    if near:
        whole = ".".join(near[0] if name == part else name for name in key.split("."))
        hint = f"; did you mean {whole}?"
    else:
        hint = f"; known are {', '.join(names)}"
    raise UsageError(f"no setting {key} to vary{hint if names else ''}")
