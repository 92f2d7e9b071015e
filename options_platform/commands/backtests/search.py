"""`backtest --optuna N`: a search over settings on the first years, scored on the last ones."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.backtests.output import about, number, record, say_about
from options_platform.commands.common import (
    ConsoleProgress,
    open_optuna,
    print_json,
    print_table,
    say,
)
from options_platform.domain.backtest import BacktestRules
from options_platform.domain.backtest_study.choices import SettingRange, parse_choices, varied
from options_platform.domain.backtest_study.judgement import Judgement, judge
from options_platform.domain.backtest_study.scorecard import excess_returns
from options_platform.domain.backtest_study.variants import Variant, VariantScore
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.statistics.bootstrap import bootstrap_interval
from options_platform.domain.statistics.curve import sharpe
from options_platform.errors import UsageError
from options_platform.services.backtesting.run import BacktestData, run_grid
from options_platform.services.backtesting.trials import earlier_ratios
from options_platform.settings import Settings
from options_platform.settings.rule_sets import active_rule_set

SEARCHED_SHARE = 0.7
NO_TRADES = -10.0


def search(
    args: argparse.Namespace,
    settings: Settings,
    warehouse: Warehouse,
    data: BacktestData,
    plan: PlanRules,
    rules: BacktestRules,
) -> int:
    """Search for the best Sharpe ratio on the first 70% of the sessions; score it on the last 30%.

    Raises :class:`UsageError` if `--vary` names no setting.
    """
    choices = parse_choices(args.vary, plan, rules)
    if not choices:
        raise UsageError("--optuna searches the settings of --vary, e.g. exits.credit_stop=1..3")
    optuna = open_optuna()
    cut = int(SEARCHED_SHARE * (len(data.market.sessions) - 1))
    objective = _Objective(data, plan, rules, choices, cut, args.optuna)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=42, multivariate=False)
    )
    try:
        study.optimize(objective, n_trials=args.optuna)
    finally:
        # Variants of an interrupted search count as trials too.
        scores = list({score.variant.name: score for _, score in objective.tried}.values())
        earlier = earlier_ratios(warehouse, [score.variant for score in scores])
        record(settings, warehouse, data, scores, purpose="search")
    judged = judge(scores, data.market, earlier, active_rule_set(settings).trials)
    (base,) = run_grid([Variant("as set", plan, rules)], data, 1, lambda *_: None)
    _show(args, data, judged, _scored_after(cut, data, objective.best, base))
    return 0


@dataclass(frozen=True)
class _Objective:
    """Backtests the variant of a trial; its Sharpe ratio on the first `cut` sessions is returned.

    `tried` collects each variant with that ratio, in the order of the trials.
    """

    data: BacktestData
    plan: PlanRules
    rules: BacktestRules
    choices: Mapping[str, Any]
    cut: int
    trials: int
    tried: list[tuple[float, VariantScore]] = field(default_factory=list)
    progress: ConsoleProgress = field(default_factory=ConsoleProgress)

    def __call__(self, trial: Any) -> float:
        values = {key: [_suggested(trial, key, choice)] for key, choice in self.choices.items()}
        (variant,) = varied(self.plan, self.rules, values)
        (score,) = run_grid([variant], self.data, 1, lambda *_: None)
        excess = excess_returns(score.equity, self.data.market)
        searched = float(np.nan_to_num(sharpe(excess[: self.cut]), nan=NO_TRADES))
        self.tried.append((searched, score))
        self.progress("variants", len(self.tried), self.trials)
        return searched

    @property
    def best(self) -> tuple[float, VariantScore]:
        """The first variant with the highest ratio."""
        return max(self.tried, key=lambda each: each[0])


def _scored_after(
    cut: int, data: BacktestData, best: tuple[float, VariantScore], base: VariantScore
) -> dict[str, Any]:
    """The chosen variant and the unchanged settings on the sessions after the searched ones."""
    searched, chosen = best
    later = bootstrap_interval(excess_returns(chosen.equity, data.market)[cut:], sharpe)
    unchanged = float(sharpe(excess_returns(base.equity, data.market)[cut:]))
    return {
        "searched_to": data.market.sessions[cut],
        "best": chosen.variant.name,
        "sharpe_searched": searched,
        "sharpe_after": number(later.value),
        "sharpe_after_low": number(later.low),
        "sharpe_after_high": number(later.high),
        "sharpe_after_as_set": number(unchanged),
    }


def _show(
    args: argparse.Namespace, data: BacktestData, judged: Judgement, result: dict[str, Any]
) -> None:
    if args.json:
        luck = {
            "trials": judged.trials,
            "deflated_sharpe": number(judged.deflated_sharpe),
            "overfitting_probability": number(judged.overfitting_probability),
        }
        print_json({**about(data), **result, **luck})
        return
    say_about(data)
    say(f"Searched up to {result['searched_to']}; the chosen variant, scored after that session:")
    print_table([result], ("best", "sharpe_searched", "sharpe_after", "sharpe_after_low",
                           "sharpe_after_high", "sharpe_after_as_set"))  # fmt: skip
    say(f"Variants tried so far: {judged.trials}. Deflated Sharpe ratio of the best one: "
        f"{judged.deflated_sharpe:.2f}; probability of overfitting: "
        f"{judged.overfitting_probability:.2f}.")  # fmt: skip


def _suggested(trial: Any, key: str, choice: Mapping[str, Any] | Any) -> Any:
    if not isinstance(choice, SettingRange):
        return trial.suggest_categorical(key, choice)
    if choice.whole:
        return trial.suggest_int(key, int(choice.low), int(choice.high))
    return trial.suggest_float(key, choice.low, choice.high)
