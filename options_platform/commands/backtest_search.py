"""`backtest --optuna N`: a search over settings on the first years, scored on the last ones."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.backtest_output import about, number, record, say_about
from options_platform.commands.common import ConsoleProgress, print_json, print_table, say
from options_platform.commands.search import open_optuna
from options_platform.domain.backtest import BacktestRules
from options_platform.domain.backtest_study.choices import SettingRange, parse_choices, varied
from options_platform.domain.backtest_study.judgement import judge
from options_platform.domain.backtest_study.scorecard import excess_returns
from options_platform.domain.backtest_study.variants import Variant, VariantScore
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.statistics.bootstrap import bootstrap_interval
from options_platform.domain.statistics.curve import sharpe
from options_platform.errors import UsageError
from options_platform.services.backtesting.run import BacktestData, run_grid
from options_platform.services.backtesting.trials import earlier_ratios
from options_platform.settings import Settings

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
    tried: list[tuple[float, float, VariantScore]] = []
    progress = ConsoleProgress()

    def objective(trial: Any) -> float:
        values = {key: [_suggested(trial, key, choice)] for key, choice in choices.items()}
        (variant,) = varied(plan, rules, values)
        (score,) = run_grid([variant], data, 1, lambda *_: None)
        excess = excess_returns(score.equity, data.market)
        past = float(np.nan_to_num(sharpe(excess[:cut]), nan=NO_TRADES))
        tried.append((past, float(sharpe(excess[cut:])), score))
        progress("variants", len(tried), args.optuna)
        return past

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=42, multivariate=False)
    )
    try:
        study.optimize(objective, n_trials=args.optuna)
    finally:
        # Variants of an interrupted search count as trials too.
        scores = list({score.variant.name: score for *_, score in tried}.values())
        earlier = earlier_ratios(warehouse, [score.variant for score in scores])
        record(settings, warehouse, data, scores, purpose="search")
    judged = judge(scores, data.market, earlier)
    best = max(tried, key=lambda each: each[0])
    later = bootstrap_interval(excess_returns(best[2].equity, data.market)[cut:], sharpe)
    (base,) = run_grid([Variant("as set", plan, rules)], data, 1, lambda *_: None)
    unchanged = float(sharpe(excess_returns(base.equity, data.market)[cut:]))
    result = {
        "searched_to": data.market.sessions[cut],
        "best": best[2].variant.name,
        "sharpe_searched": best[0],
        "sharpe_after": number(later.value),
        "sharpe_after_low": number(later.low),
        "sharpe_after_high": number(later.high),
        "sharpe_after_as_set": number(unchanged),
        "trials": judged.trials,
        "deflated_sharpe": number(judged.deflated_sharpe),
        "overfitting_probability": number(judged.overfitting_probability),
    }
    if args.json:
        print_json({**about(data), **result})
        return 0
    say_about(data)
    say(f"Searched up to {result['searched_to']}; the chosen variant, scored after that session:")
    print_table([result], ("best", "sharpe_searched", "sharpe_after", "sharpe_after_low",
                           "sharpe_after_high", "sharpe_after_as_set"))  # fmt: skip
    say(f"Variants tried so far: {judged.trials}. Deflated Sharpe ratio of the best one: "
        f"{judged.deflated_sharpe:.2f}; probability of overfitting: "
        f"{judged.overfitting_probability:.2f}.")  # fmt: skip
    return 0


def _suggested(trial: Any, key: str, choice: Mapping[str, Any] | Any) -> Any:
    if not isinstance(choice, SettingRange):
        return trial.suggest_categorical(key, choice)
    if choice.whole:
        return trial.suggest_int(key, int(choice.low), int(choice.high))
    return trial.suggest_float(key, choice.low, choice.high)
