"""The backtest of all rule sets of `budgets` in one account, as live trading trades them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.trial_log import TrialLog
from options_platform.common import Progress
from options_platform.contracts import ACCOUNT_SET_SCORES
from options_platform.contracts.backtest import ACCOUNT
from options_platform.contracts.rule_sets import ACCOUNT_PART, LATEST
from options_platform.domain.backtest import run_backtest
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest_study.account_sets import account_set_rows
from options_platform.domain.backtest_study.variants import Variant, VariantScore, scored
from options_platform.domain.planning.alternates import plans_of_sets
from options_platform.domain.trading.fill_prices import FILL_MODELS
from options_platform.services.backtesting.run import BacktestData
from options_platform.services.backtesting.tables import account_frames
from options_platform.services.backtesting.trials import backtest_trials
from options_platform.settings import Settings


@dataclass(frozen=True)
class AccountBacktest:
    """The account under each fill model, and the rows of `account_set_scores`."""

    rules: BacktestRules
    band: dict[str, BacktestResult]
    rows: pl.DataFrame

    @property
    def rule_sets(self) -> str:
        """The names of all sets, in the order of their entries."""
        return str(self.rows.filter(part=ACCOUNT_PART)["rule_set"][0])

    @property
    def as_set(self) -> BacktestResult:
        """The result under the configured fill model."""
        return self.band[self.rules.fills.model]


def backtest_account(
    settings: Settings,
    rules: BacktestRules,
    data: BacktestData,
    warehouse: Warehouse,
    now: datetime,
    progress: Progress,
) -> AccountBacktest:
    """Backtest all sets of the budgets together, count it as a trial, and store it.

    Arguments as of :func:`run_account`. Raises :class:`SettingsError` for a set that cannot be
    read.
    """
    settings.require_rule_sets()
    tested = run_account(settings, rules, data, now, progress)
    trials = backtest_trials([score_of_account(settings, tested)], data, "choice", now)
    TrialLog(settings.home, warehouse).record_all(trials)
    warehouse.replace([(ACCOUNT_SET_SCORES, tested.rows)], "comparison", LATEST)
    warehouse.replace(account_frames(tested.band, tested.rule_sets), "run", ACCOUNT)
    return tested


def run_account(
    settings: Settings, rules: BacktestRules, data: BacktestData, now: datetime, progress: Progress
) -> AccountBacktest:
    """Backtest the sets of `settings.budgets` together under each fill model.

    `rules` are those of the account (`settings.account_rules`), at a fill model of choice.
    """
    shares = {name: settings.share_of(name) for name in settings.traded_sets}
    of_sets = [settings.of_set(name).plan for name in shares]
    chain_of = data.market.chain_of(rules.chains)
    (plans, legs), (alternates, their_legs) = plans_of_sets(data.inputs, of_sets, chain_of)
    legs = pl.concat([legs, their_legs])
    band = {}
    for done, name in enumerate(FILL_MODELS, start=1):
        filled = replace(rules, fills=replace(rules.fills, model=name))
        band[name] = run_backtest(plans, legs, data.market, filled, alternates=alternates)
        progress("backtests", done, len(FILL_MODELS))
    rows = account_set_rows(band, shares, plans, alternates, data.market)
    stated = rows.with_columns(comparison=pl.lit(LATEST), tested_at=pl.lit(now))
    columns = ACCOUNT_SET_SCORES.schema
    fitted = stated.select(columns.names()).cast(dict(columns)).fill_nan(None)  # type: ignore[arg-type]
    return AccountBacktest(rules, band, fitted)


def score_of_account(settings: Settings, tested: AccountBacktest) -> VariantScore:
    """The account as a variant that was tried, under the names of its sets."""
    plan = replace(settings.plan, rule_set=tested.rule_sets)
    return scored((Variant(tested.rule_sets, plan, tested.rules), tested.as_set))
