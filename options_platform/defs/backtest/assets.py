"""The asset `backtest`: the trading rules over all stored predictions, with a configurable run."""

from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from options_platform.adapters.tracking.trial_log import TrialLog
from options_platform.contracts import BACKTEST_TABLES
from options_platform.contracts.backtest import ACCOUNT, CONFIGURED
from options_platform.contracts.rule_sets import AS_SET
from options_platform.defs.models.study import markdown_table
from options_platform.defs.shared.asset_options import OWNERS
from options_platform.defs.shared.context import table_schema
from options_platform.domain.backtest.sources import real_share, run_source
from options_platform.domain.backtest_study.choices import make_variant
from options_platform.domain.backtest_study.scorecard import against_seed, held_to_expiry
from options_platform.domain.backtest_study.variants import Variant, scored
from options_platform.errors import UsageError
from options_platform.reporting import backtest_figures, figures
from options_platform.services.backtesting.account_sets import backtest_account
from options_platform.services.backtesting.membership import hindsight_note, of_members
from options_platform.services.backtesting.report_trades import (
    backtest_report_trades,
    store_report_trades,
    traded_reports,
)
from options_platform.services.backtesting.rule_sets import compare_and_store, compared_set
from options_platform.services.backtesting.run import (
    BacktestData,
    BacktestRun,
    load_backtest,
    run_with_baselines,
)
from options_platform.services.backtesting.tables import backtest_frames
from options_platform.services.backtesting.trials import backtest_trials
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.platform import Platform
from options_platform.services.planning.plan_inputs import require_premium_features
from options_platform.settings import Settings

READ = ("raw_ohlcv", "vix", "features", "regime", "direction_model", "volatility_model")
SCORES = ("name", "fill_model", "trades", "equity_usd", "sharpe", "sharpe_low", "sharpe_high",
          "max_drawdown", "win_rate", "profit_factor", "sharpe_gain")  # fmt: skip
BANDS = ("name", "draws", "sharpe_mean", "sharpe_p05", "sharpe_p95", "better", "p_value")
PRICE_RISK = ("name", "scenario", "trades", "sharpe", "sharpe_low", "sharpe_high", "cagr",
              "max_drawdown")  # fmt: skip
REFUSALS = ("gate", "scope", "refused", "followed", "mean_usd", "saved_r", "saved_r_low",
            "saved_r_high", "p_corrected", "verdict")  # fmt: skip
ACCOUNT_COLUMNS = ("part", "rule_set", "share", "trades", "pnl_usd", "sharpe", "sharpe_low",
                   "sharpe_high", "max_drawdown", "moved", "netting_conflicts",
                   "set_limits")  # fmt: skip
SET_COLUMNS = ("rule_set", "version", "trades", "sharpe", "sharpe_low", "sharpe_high", "gain",
               "max_drawdown", "win_rate", "profit_factor", "deflated_sharpe")  # fmt: skip
TARGETS = ("fill_model", "metric", "value", "low", "high", "target", "met")


class BacktestConfig(dg.Config):
    """Run configuration of the asset, beside the platform's settings."""

    run: str = Field(CONFIGURED, description="name of the run; replaces the rows of that name")
    start: str | None = Field(None, description="first session; default the first prediction")
    end: str | None = Field(None, description="last session; default the last prediction")
    settings: list[str] = Field(
        [], description="settings for this run alone, e.g. exits.exit_dte=14, fills.model=worst"
    )


def make_backtest() -> dg.AssetsDefinition:
    """The asset `backtest`."""
    tables = "\n".join(f"- `{table.name}`: {table.description}" for table in BACKTEST_TABLES)

    @dg.asset(
        description="Trades the rules over all stored predictions under each fill model, beside "
        f"naive baselines; with `budgets` also all sets together (run `{ACCOUNT}`), and each "
        f"alone. Fills the tables\n{tables}",
        group_name="backtest",
        kinds={"duckdb", "polars"},
        owners=OWNERS,
        deps=list(READ),
        metadata={"dagster/column_schema": table_schema(BACKTEST_TABLES[0])},
    )
    def backtest(
        config: BacktestConfig, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        if config.run == ACCOUNT:
            raise UsageError(f"run: {ACCOUNT} is the run of all sets together; choose another name")
        platform.settings.require_rule_sets()
        settings = with_fits(_shown_alone(platform.settings), platform.warehouse)
        variant = make_variant(config.settings, settings.plan, settings.backtest_rules)
        data = load_backtest(
            platform.warehouse, settings.tickers, _day(config.start), _day(config.end),
            platform.chains, settings.earnings,
        )  # fmt: skip
        data = of_members(data, settings)
        run = run_with_baselines(
            data, variant.plan, variant.rules, platform.progress,
            seeds=settings.backtest.baseline_seeds, workers=settings.workers,
        )  # fmt: skip
        platform.warehouse.replace(backtest_frames(run, config.run), "run", config.run)
        trials = backtest_trials([scored((variant, run.model))], data, "choice", platform.now())
        TrialLog(settings.home, platform.warehouse).record_all(trials)
        metadata = _metadata(run, config.run, variant)
        if settings.earnings_trades.enabled and not config.settings:
            metadata |= _of_reports(platform, data, settings)
        if platform.settings.budgets and not config.settings:
            metadata |= _of_traded_sets(platform, data)
        return dg.MaterializeResult(metadata=metadata)

    return backtest


def _of_reports(platform: Platform, data: BacktestData, settings: Settings) -> dict[str, Any]:
    """Backtest each earnings strategy alone, which is its record for the evidence gate."""
    rules = settings.backtest_rules
    results = backtest_report_trades(data, settings.plan, rules)
    store_report_trades(platform.warehouse, results, settings.plan, rules.fills.model)
    shown = traded_reports(results)
    return {"earnings_trades": dg.MetadataValue.md(markdown_table(shown, shown.columns))}


def _shown_alone(settings: Settings) -> Settings:
    """The settings of the set that is compared with the baselines: of `budgets` one that trades."""
    traded = settings.traded_sets
    return settings.alone(settings.rule_set if settings.rule_set in traded else traded[0])


def _of_traded_sets(platform: Platform, data: BacktestData) -> dict[str, Any]:
    """Backtest the sets of `budgets` together in the account, and each alone; the metadata."""
    settings = with_fits(platform.settings, platform.warehouse)
    alone = [
        with_fits(platform.settings.alone(name), platform.warehouse)
        for name in settings.traded_sets
    ]
    require_premium_features(
        platform.warehouse, data.market.tickers, data.first, data.last, [s.plan for s in alone]
    )
    now, sets = platform.now(), [compared_set(each) for each in alone]
    account = backtest_account(
        settings, settings.account_rules, data, platform.warehouse, now, platform.progress
    )
    each = compare_and_store(settings, sets, data, platform.warehouse, now, platform.progress)
    shown = account.rows.filter(fill_model=account.rules.fills.model)
    as_set = each.filter(case=AS_SET)
    return {
        "account": dg.MetadataValue.md(markdown_table(shown, ACCOUNT_COLUMNS)),
        "each_set_alone": dg.MetadataValue.md(markdown_table(as_set, SET_COLUMNS)),
    }


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{text!r} is not a date like 2024-12-31") from None


def _metadata(run: BacktestRun, name: str, variant: Variant) -> dict[str, Any]:
    closed = run.model.trades.drop_nulls("closed_on").height
    fill_model = run.rules.fills.model
    curves = {curve.name: curve.equity for curve in run.curves if curve.fill_model == fill_model}
    targets = against_seed(run.scores)
    sessions = run.data.market.sessions
    drawn = {
        "equity": backtest_figures.equity_curves(sessions, curves),
        "drawdown": backtest_figures.drawdowns(sessions, curves),
    }
    return {
        "run": name,
        "settings": variant.name,
        "range": f"{sessions[0]} to {sessions[-1]}, {', '.join(run.data.market.tickers)}",
        "hindsight": hindsight_note(run.data.hindsight) or "none",
        "chain_source": run_source(run.model.sources),
        "real_share": real_share(run.model.sources),
        "held_to_expiry": held_to_expiry(run.curves),
        "dagster/row_count": run.model.trades.height,
        "closed_trades": closed,
        "final_equity_usd": float(run.model.equity["equity_usd"][-1]),
        "scores": dg.MetadataValue.md(markdown_table(run.scores, SCORES)),
        "draws_without_skill": dg.MetadataValue.md(markdown_table(run.bands, BANDS)),
        "price_risk": dg.MetadataValue.md(markdown_table(run.price_risk, PRICE_RISK)),
        "refusals": dg.MetadataValue.md(markdown_table(run.refusals.prices, REFUSALS)),
        "targets": dg.MetadataValue.md(markdown_table(targets, TARGETS)),
        **{n: dg.MetadataValue.md(f"![{n}]({figures.data_uri(png)})") for n, png in drawn.items()},
    }
