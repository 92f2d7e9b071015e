"""The content of the report's sections: rows and plots, from frames of the warehouse."""

from __future__ import annotations

from typing import Any

import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.planning.reasons import REASONS, refusals_by_reason
from options_platform.models.evaluation import (
    calibration_curve,
    evaluate_direction,
    evaluate_volatility,
    targets,
)
from options_platform.reporting import figures
from options_platform.services.market_data.market_priced import price_note

Section = dict[str, Any]

METRIC_NAMES = {
    "auc_macro": "AUC, one versus rest",
    "auc_bearish": "AUC, bearish",
    "auc_neutral": "AUC, neutral",
    "auc_bullish": "AUC, bullish",
    "auc_bull_vs_bear": "AUC, bull versus bear",
    "fold_mean_auc": "AUC, mean of the months",
    "log_loss": "log loss (nats)",
    "brier": "Brier score",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "accuracy_top": "accuracy, surest fifth",
    "neutral_share_top": "share of neutral calls, surest fifth",
    "calibration_error": "calibration error",
    "neutral_share": "share of neutral calls",
    "rmse": "RMSE of the IV rank",
    "mae": "MAE of the IV rank",
    "skill": "skill over persistence",
    "change_sign": "sign of the change",
    "qlike": "QLIKE of the realised variance",
    "rv_rmse": "RMSE of the realised volatility",
    "shift_brier": "Brier score of a regime shift",
    "shift_skill": "skill over the base rate of shifts",
    "shift_auc": "AUC of a regime shift",
}
MODEL_NAMES = {
    "direction": "shipped: scaled returns + trees",
    "vix_logit": "logit on volatility alone",
    "prior": "class frequencies (naive)",
    "seed_direction": "seed XGBoost",
    "volatility": "shipped: ridge + trees",
    "persistence": "persistence (naive)",
    "rolling_mean": "mean of the last 20 sessions (naive)",
    "ar1": "AR(1)",
    "seed_volatility": "seed XGBoost",
}


def model_section(predictions: pl.DataFrame, labels: pl.DataFrame) -> Section:
    """Targets, all scores with intervals and baselines, calibration and class shares."""
    direction = evaluate_direction(predictions, labels)
    volatility = evaluate_volatility(predictions, labels)
    curve = calibration_curve(predictions, labels)
    shipped = predictions.filter(pl.col("model") == "direction")
    return {
        "targets": targets(direction, volatility).to_dicts(),
        "direction": _by_model(direction),
        "volatility": _by_model(volatility),
        "periods": _by_period(pl.concat([direction, volatility])),
        "first": shipped.filter(pl.col("p_neutral").is_not_null())["date"].min(),
        "last": shipped["date"].max(),
        "calibration": figures.data_uri(figures.calibration(curve, "direction"))
        if curve.height
        else None,
        "classes": figures.data_uri(figures.class_shares(labels)) if labels.height else None,
    }


def _by_model(scores: pl.DataFrame) -> dict[str, Any]:
    """A table of scores: a row per metric, a column per model, the shipped model first."""
    chosen = scores.filter((pl.col("ticker") == "ALL") & (pl.col("period") == "all"))
    order = [model for model in MODEL_NAMES if model in chosen["model"].unique().to_list()]
    by_key = {(row["metric"], row["model"]): row for row in chosen.iter_rows(named=True)}
    metrics = chosen["metric"].unique(maintain_order=True).to_list()
    return {
        "models": [MODEL_NAMES[model] for model in order],
        "counts": [max(row["n"] for key, row in by_key.items() if key[1] == m) for m in order],
        "rows": [
            {"metric": METRIC_NAMES[metric], "cells": [by_key.get((metric, m)) for m in order]}
            for metric in metrics
        ],
    }


def _by_period(scores: pl.DataFrame) -> list[dict[str, Any]]:
    """The shipped models' main scores by ticker and period."""
    is_main_cut = (
        pl.col("model").is_in(["direction", "volatility"])
        & pl.col("metric").is_in(["auc_macro", "log_loss", "rmse", "mae"])
        & ~((pl.col("ticker") == "ALL") & (pl.col("period") == "all"))
    )
    rows = scores.filter(is_main_cut).sort("metric", "ticker", "period")
    return [{**row, "metric": METRIC_NAMES[row["metric"]]} for row in rows.iter_rows(named=True)]


def regime_section(regime: pl.DataFrame, transitions: pl.DataFrame, vix: pl.DataFrame) -> Section:
    """Shares and mean lengths of the regimes, transitions, and a plot over time."""
    classified = regime.filter(pl.col("regime").is_not_null())
    lengths = transitions.group_by(regime="from_regime").agg(
        spells=pl.len(), mean_sessions=pl.col("sessions_in_previous").mean()
    )
    shares = (
        classified.group_by("regime")
        .agg(share=pl.len() / max(1, classified.height))
        .join(lengths, on="regime", how="left")
        .sort("share", descending=True)
    )
    moves = {
        (row[0], row[1]): row[2]
        for row in transitions.group_by("from_regime", "to_regime").len().iter_rows()
    }
    newest = transitions.sort("date", "ticker", descending=[True, False]).head(10)
    return {
        "shares": shares.to_dicts(),
        "names": REGIMES,
        "moves": [[moves.get((begin, end), 0) for end in REGIMES] for begin in REGIMES],
        "newest": newest.to_dicts(),
        "plot": figures.data_uri(figures.regime_ribbon(classified, vix))
        if classified.height
        else None,
    }


def plan_section(plans: pl.DataFrame, legs: pl.DataFrame) -> Section:
    """The newest session's plans with payoffs, the newest trades, refusals by reason."""
    newest = plans["date"].max()
    # Where several rule sets plan a session, each plan is named by its own.
    plans = plans.with_columns(beside=pl.col("rule_set").n_unique().over("date") > 1)
    trades = plans.filter(pl.col("decision") == "trade")
    counts = refusals_by_reason(plans)
    described = [
        {**row, "meaning": REASONS.get(row["reason"], "")} for row in counts.iter_rows(named=True)
    ]
    tonight = plans.filter(pl.col("date") == newest).sort("ticker", maintain_order=True)
    last_trades = trades.sort("date", "ticker", descending=[True, False]).head(4)
    by_strategy = trades.group_by("strategy").agg(
        trades=pl.len(),
        mean_contracts=pl.col("contracts").mean(),
        mean_max_loss_usd=pl.col("max_loss_usd").mean(),
        mean_max_profit_usd=pl.col("max_profit_usd").mean(),
    )
    return {
        "newest": newest,
        "tonight": [_plan(row, legs) for row in tonight.iter_rows(named=True)],
        "last_trades": [_plan(row, legs) for row in last_trades.iter_rows(named=True)],
        "by_strategy": by_strategy.sort("trades", descending=True).to_dicts(),
        "trades": trades.height,
        "plans": plans.height,
        "refusals": described,
        "plot": figures.data_uri(figures.refusals(counts)) if counts.height else None,
    }


def _plan(plan: dict[str, Any], legs: pl.DataFrame) -> dict[str, Any]:
    plan_legs = legs.filter(pl.col("plan_id") == plan["plan_id"]).sort("leg")
    plot = None
    # With several expiries the payoff depends on more than the spot.
    if plan_legs["expiry"].n_unique() == 1:
        png = figures.payoff_at_expiry(
            plan_legs, plan["limit_price"], plan["spot"], plan["contracts"]
        )
        plot = figures.data_uri(png)
    meanings = [REASONS.get(code, code) for code in plan["reasons"]]
    note = price_note(plan["ticker"], plan["iv_symbol"]) if plan["iv_basis"] == "market" else None
    return {
        **plan,
        "legs": plan_legs.to_dicts(),
        "meanings": meanings,
        "plot": plot,
        "market_note": note,
    }


def order_section(
    orders: pl.DataFrame, replay_orders: pl.DataFrame | None, marks: pl.DataFrame | None
) -> Section:
    """Orders counted by status and reason, and the orders and equity of the replay, if any."""
    counts = (
        orders.group_by("status", "reason").len(name="rows").sort("rows", descending=True)
        if orders.height
        else pl.DataFrame()
    )
    section: Section = {"counts": counts.to_dicts(), "replay": None}
    if replay_orders is not None and marks is not None and marks.height:
        section["replay"] = {
            "orders": replay_orders.to_dicts(),
            "first": marks["session"].min(),
            "last": marks.to_dicts()[-1],
            "start": marks["equity_usd"].to_list()[0],
            "plot": figures.data_uri(figures.equity(marks)),
        }
    return section
