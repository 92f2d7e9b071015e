"""`backtest`: trades the stored predictions in the past, with one or many variants of the rules."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.backtests.account import trade_account
from options_platform.commands.backtests.output import (
    OVER_BAND,
    about,
    chain_sources,
    number,
    record,
    say_about,
    say_error_band,
    say_price_risk,
    say_sources,
)
from options_platform.commands.backtests.refusals import refusals, say_refusals
from options_platform.commands.backtests.sets import compare, sets_to_compare, with_fill
from options_platform.commands.common import (
    ConsoleProgress,
    of_stored_source,
    print_json,
    print_table,
    read_home,
    reading_settings,
    say,
    say_proxy,
)
from options_platform.domain.backtest import BacktestRules
from options_platform.domain.backtest.results import HELD_NOTE
from options_platform.domain.backtest.trade_metrics import break_even_win_rate
from options_platform.domain.backtest_study.account_sizes import account_table
from options_platform.domain.backtest_study.choices import make_variant, make_variants
from options_platform.domain.backtest_study.confident_trades import confident_trades
from options_platform.domain.backtest_study.error_band import widened, with_band
from options_platform.domain.backtest_study.judgement import Judgement, judge
from options_platform.domain.backtest_study.price_risk import AS_MEASURED
from options_platform.domain.backtest_study.scorecard import MODEL, against_seed, held_to_expiry
from options_platform.domain.backtest_study.variants import Variant, VariantScore, scored
from options_platform.domain.planning.selection import BY_MATRIX
from options_platform.errors import UsageError
from options_platform.formats import count, pct
from options_platform.services.backtesting.membership import of_members, with_universes
from options_platform.services.backtesting.run import (
    BacktestData,
    BacktestRun,
    load_backtest,
    run_grid,
    run_with_baselines,
)
from options_platform.services.backtesting.trials import earlier_ratios
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.market_priced import require_own_prices
from options_platform.services.planning.plan_inputs import require_premium_features
from options_platform.settings import Settings
from options_platform.settings.rule_sets import active_rule_set

SHOWN_VARIANTS = 12
BESIDE = ("name", "fill_model", "trades", "equity_usd", "cagr", "sharpe", "interval",
          "max_drawdown", "win_rate", "to break even", "profit_factor")  # fmt: skip
GRID = (
    "variant",
    "held_to_expiry",
    "sharpe",
    "equity_usd",
    "max_drawdown",
    "trades",
    "win_rate",
    "profit_factor",
)
DRAWN = ("name", "draws", "sharpe_mean", "5%-95%", "model_sharpe", "better", "p_value")
ACCOUNT = "account_value_usd"
BY_ACCOUNT = (ACCOUNT, "trades", "narrowed", "refused_by_budget", "fees_of_profit", "risk_as_sized",
              "risk_as_filled", "largest_loss", "cagr", "max_drawdown")  # fmt: skip
FRACTIONS = ("cagr", "max_drawdown", "win_rate", "excess_return_annual")


def backtest(args: argparse.Namespace) -> int:
    """Backtest the configured rules with their baselines, other settings, or several rule sets.

    Raises :class:`UsageError` for settings, ranges or tickers that cannot be tested.
    """
    settings = reading_settings()
    settings.require_rule_sets()
    if args.optuna is not None and args.optuna < 2:
        raise UsageError("--optuna takes the number of variants to try, at least 2")
    if args.refusals and (args.vary or args.optuna is not None or args.rule_sets is not None):
        raise UsageError("--refusals prices one run; leave out --vary, --optuna and --rule-sets")
    copy = read_home(settings).warehouse
    settings = of_stored_source(settings, copy)
    settings = with_fits(settings, copy)
    base = make_variant(args.set, settings.plan, _with_fill(settings.backtest_rules, args.fill))
    plan, rules = base.plan, base.rules
    variants, spans = make_variants(args.vary, plan, rules)
    if spans and args.optuna is None:
        raise UsageError(f"--vary {next(iter(spans))}: a range needs a search; add --optuna N")
    sets = sets_to_compare(args, copy) if args.rule_sets is not None else None
    store = ChainStore(settings.chains_path)
    settings, tickers = _chosen(args, settings)
    data = load_backtest(copy, tickers, args.start, args.end, store, settings.earnings)
    data = of_members(data, settings)
    if args.strict:
        require_own_prices(data.iv_symbols, settings)
    if not args.json:
        say_proxy(settings)
    tried = [*variants, base, *(each.variant for each in sets or ())]
    require_premium_features(
        copy, data.market.tickers, data.first, data.last, (each.plan for each in tried)
    )
    # Trials are judged by all that were recorded up to now, and recorded beside them.
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    if sets is not None:
        return compare(args, settings, warehouse, data, with_fill(sets, rules))
    if args.optuna is not None:
        from options_platform.commands.backtests.search import search

        return search(args, settings, warehouse, data, plan, rules)
    if args.refusals:
        return refusals(args, settings, warehouse, data, base)
    if args.vary:
        return _grid(args, settings, warehouse, data, variants, base)
    if settings.budgets and not args.set:
        account = _with_fill(settings.account_rules, args.fill)
        return trade_account(args, settings, warehouse, data, account)
    return _single(args, settings, warehouse, data, base)


def _single(
    args: argparse.Namespace,
    settings: Settings,
    warehouse: Warehouse,
    data: BacktestData,
    base: Variant,
) -> int:
    run = run_with_baselines(
        data, base.plan, base.rules, ConsoleProgress(),
        seeds=settings.backtest.baseline_seeds, workers=args.workers or settings.workers,
    )  # fmt: skip
    record(settings, warehouse, data, [scored((base, run.model))])
    targets = against_seed(run.scores)
    added = confident_trades(run.model.trades, run.plan.selection)
    if args.json:
        print_json({**about(data), **chain_sources(run.model), "settings": base.name,
                    "fill_model": base.rules.fills.model,
                    "held_to_expiry": held_to_expiry(run.curves),
                    "scores": run.scores.to_dicts(), "draws": run.bands.to_dicts(),
                    "price_risk": run.price_risk.to_dicts(),
                    "own_errors": run.own_errors.to_dicts(),
                    "sharpe_over_error_band": widened(run.price_risk, AS_MEASURED).to_dicts(),
                    "confident_trades": added.to_dicts(),
                    "refusals": run.refusals.prices.fill_nan(None).to_dicts(),
                    "targets": targets.to_dicts()})  # fmt: skip
        return 0
    _show(run, targets, added)
    return 0


def _grid(
    args: argparse.Namespace,
    settings: Settings,
    warehouse: Warehouse,
    data: BacktestData,
    variants: list[Variant],
    base: Variant,
) -> int:
    has_base = any((v.plan, v.rules) == (base.plan, base.rules) for v in variants)
    every = variants if has_base else [base, *variants]
    workers = args.workers or settings.workers
    scores = run_grid(every, data, workers, ConsoleProgress())
    earlier = earlier_ratios(warehouse, every)
    record(settings, warehouse, data, scores)
    by_account = any(text.startswith(f"{ACCOUNT}=") for text in args.vary)
    accounts = _accounts(scores) if by_account else None
    elsewhere = active_rule_set(settings).trials
    show_judgement(args, data, judge(scores, data.market, earlier, elsewhere), accounts)
    return 0


def _accounts(scores: list[VariantScore]) -> pl.DataFrame:
    """What the size of the account does to each variant."""
    return account_table(
        [score.variant.name for score in scores],
        [score.variant.plan.sizing.account_value_usd for score in scores],
        [score.sizes for score in scores if score.sizes is not None],
    )


def show_judgement(
    args: argparse.Namespace,
    data: BacktestData,
    judgement: Judgement,
    accounts: pl.DataFrame | None = None,
) -> None:
    """Print the variants of a grid, the role of luck, and the result of a walk-forward choice.

    `accounts` are rows of `ACCOUNTS`, where the grid varies the size of the account.
    """
    walked = judgement.walk_forward
    if args.json:
        forward = None
        if walked is not None:
            forward = {
                "first": walked.choice.sessions[0],
                "sharpe": vars(walked.sharpe),
                "excess_return_annual": walked.excess_return_annual,
                "max_drawdown": walked.max_drawdown,
                "chosen": walked.choice.chosen.to_dicts(),
            }
        print_json(
            {**about(data), "variants": judgement.table.fill_nan(None).to_dicts(),
             "trials": judgement.trials, "deflated_sharpe": number(judgement.deflated_sharpe),
             "overfitting_probability": number(judgement.overfitting_probability),
             "walk_forward": forward,
             "accounts": None if accounts is None else accounts.fill_nan(None).to_dicts()}
        )  # fmt: skip
        return
    say_about(data)
    say(f"{count(judgement.table.height, 'variant')}, the best first:")
    print_table([_cells(row) for row in judgement.table.head(SHOWN_VARIANTS).to_dicts()], GRID)
    if judgement.table["held_to_expiry"].any():
        say(HELD_NOTE)
    if accounts is not None:
        say("By account, the smallest first; shares are of the account, fees of the gross profit:")
        print_table([_account_cells(row) for row in accounts.to_dicts()], BY_ACCOUNT)
    say(f"Variants tried so far: {judgement.trials}. Deflated Sharpe ratio of the best one: "
        f"{judgement.deflated_sharpe:.2f} (above 0.95 is more than luck).")  # fmt: skip
    say(f"Probability of backtest overfitting: {judgement.overfitting_probability:.2f}.")
    if walked is None:
        say("Too few years, or a single variant: no walk-forward choice.")
        return
    say(f"Walk-forward from {walked.choice.sessions[0]}: each year scored with the variant chosen "
        "on the years before:")  # fmt: skip
    say(f"  Sharpe ratio {walked.sharpe.value:.2f} [{walked.sharpe.low:.2f}, "
        f"{walked.sharpe.high:.2f}], {100 * walked.excess_return_annual:.1f}% a year over cash, "
        f"maximum drawdown {100 * walked.max_drawdown:.1f}%.")  # fmt: skip
    print_table(_spells(walked.choice.chosen), ("years", "variant"))


def _spells(chosen: pl.DataFrame) -> list[dict[str, Any]]:
    """The choices, with consecutive years of the same variant in one row."""
    runs = chosen.group_by(pl.col("variant").rle_id().alias("run"), maintain_order=True).agg(
        first=pl.col("year").min(), last=pl.col("year").max(), variant=pl.col("variant").first()
    )
    return [
        {"years": str(first) if first == last else f"{first}-{last}", "variant": variant}
        for first, last, variant in runs.select("first", "last", "variant").iter_rows()
    ]


def _show(run: BacktestRun, targets: pl.DataFrame, added: pl.DataFrame) -> None:
    say_about(run.data)
    say_sources(run.model)
    rows = [
        {
            **row,
            "interval": _interval(row, "sharpe") + (OVER_BAND if row["over_band"] else "")
            if row["ruined_on"] is None
            else f"ruined on {row['ruined_on']}",
            "model_gain": "" if row["sharpe_gain"] is None
            else f"{row['sharpe_gain']:.2f} {_interval(row, 'sharpe_gain')}",
        }
        for row in with_band(
            run.scores, run.price_risk, run.rules.fills.model, AS_MEASURED
        ).to_dicts()
    ]  # fmt: skip
    print_table([_cells(row) for row in rows], BESIDE)
    say("Intervals are 95% by block bootstrap; model_gain is the model's Sharpe ratio minus that "
        "of the row:")  # fmt: skip
    print_table([row for row in rows if row["model_gain"]], ("name", "fill_model", "model_gain"))
    if run.plan.selection.strategy != BY_MATRIX:
        say(f"The strategy {run.plan.selection.strategy} is traded whatever is predicted, so "
            "random_direction, shuffled_signal and without_neutral are the model itself and show "
            "nothing of it.")  # fmt: skip
    say_error_band(run.own_errors)
    say_price_risk(run.price_risk)
    if to_expiry := held_to_expiry(run.curves):
        counts = ", ".join(
            f"{name} ({count(trades, 'trade')})" for name, trades in to_expiry.items()
        )
        say(f"{counts}: {HELD_NOTE}")
    say("Random baselines, drawn many times (their row above is the median draw); better is the "
        "share of draws that did at least as well as the model:")  # fmt: skip
    print_table([_drawn(row) for row in run.bands.to_dicts()], DRAWN)
    _show_confident(added)
    say_refusals(run.refusals.prices)
    say("Targets of the plan:")
    marked = {row["fill_model"]: row["interval"] for row in rows if row["name"] == MODEL}
    shown = [
        {**row, "value": f"{row['value']:.3f}" if row["value"] is not None else "-",
         "interval": marked[row["fill_model"]] if row["metric"] == "sharpe"
         else f"[{_two(row['low'])}, {_two(row['high'])}]",
         "met": "met" if row["met"] else "MISSED"}
        for row in targets.to_dicts()
    ]  # fmt: skip
    print_table(shown, ("fill_model", "metric", "value", "interval", "target", "met"))


def _show_confident(added: pl.DataFrame) -> None:
    """The trades of the neutral regime, which only confident calls make."""
    if added["trades"].sum() == 0:
        say("No confident call was traded in the neutral regime.")
        return
    say("Trades of confident calls in the neutral regime; without_neutral above is the model "
        "without them:")  # fmt: skip
    rows = [
        {
            "period": row["period"],
            "trades": row["trades"],
            "win_rate": f"{_two(row['win_rate'])} {_interval(row, 'win_rate')}",
            "profit_factor": f"{_two(row['profit_factor'])} {_interval(row, 'profit_factor')}",
            "pnl_usd": f"{row['pnl_usd']:,.0f} [{_whole(row['pnl_usd_low'])}, "
            f"{_whole(row['pnl_usd_high'])}]",
        }
        for row in added.to_dicts()
    ]
    print_table(rows, ("period", "trades", "win_rate", "profit_factor", "pnl_usd"))


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    shown = {**row, "equity_usd": f"{row['equity_usd']:,.0f}"}
    even = break_even_win_rate(row.get("win_rate"), row.get("profit_factor"))
    shown["to break even"] = None if even is None else pct(even)
    for name in FRACTIONS:
        if isinstance(row.get(name), float):
            shown[name] = pct(row[name])
    return shown


def _account_cells(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: pct(row[name]) for name in BY_ACCOUNT[BY_ACCOUNT.index("fees_of_profit") :]}
    return {**row, **texts, ACCOUNT: f"{row[ACCOUNT]:,.0f}"}


def _drawn(row: dict[str, Any]) -> dict[str, Any]:
    shown = {**row, "5%-95%": f"[{_two(row['sharpe_p05'])}, {_two(row['sharpe_p95'])}]"}
    if row["better"] is not None:
        shown["better"] = f"{100 * row['better']:.0f}%"
        # With three decimals a small p-value does not look like zero.
        shown["p_value"] = f"{row['p_value']:.3f}"
    return shown


def _interval(row: dict[str, Any], name: str) -> str:
    return f"[{_two(row[f'{name}_low'])}, {_two(row[f'{name}_high'])}]"


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _chosen(args: argparse.Namespace, settings: Settings) -> tuple[Settings, tuple[str, ...]]:
    """The tickers to trade, and the settings with the days of membership of universes named."""
    settings, chosen = with_universes(settings, args.tickers or settings.tickers)
    unknown = [ticker for ticker in chosen if ticker not in settings.tickers]
    if unknown:
        raise UsageError(
            f"{unknown[0]} is not among the tickers of the settings: {', '.join(settings.tickers)}"
        )
    return settings, chosen


def _with_fill(rules: BacktestRules, fill: str | None) -> BacktestRules:
    if fill is None:
        return rules
    try:
        return replace(rules, fills=replace(rules.fills, model=fill))
    except ValueError as error:
        raise UsageError(f"--fill {fill}: {error}") from error
