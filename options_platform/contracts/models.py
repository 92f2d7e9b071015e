"""Tables of predictions, stored fold models, trials, champions and scores."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.features import DIRECTIONS
from options_platform.contracts.table import (
    DATE,
    TICKER,
    TIMESTAMP,
    Column,
    Table,
    probability,
)

FOLD = Column("fold", pl.String, "month that the model predicts, YYYY-MM")
MODEL_ID = Column("model_id", pl.String, "id of the stored fold model that predicted")

DIRECTION_MODEL = Table(
    "direction_model",
    "Out-of-sample predictions of the 5-session direction by the shipped model.",
    (
        DATE,
        TICKER,
        probability("p_bearish", "probability of a return below -1%"),
        probability("p_neutral", "probability of a return within +-1%"),
        probability("p_bullish", "probability of a return above +1%"),
        Column("direction", pl.String, "class of the highest probability", values=DIRECTIONS),
        Column("confidence", pl.Float64, "(p - 1/3) / (2/3) of that class", low=0.0, high=1.0),
        FOLD,
        MODEL_ID,
        Column("variant", pl.String, "champion that predicted; null from a former version"),
    ),
)

VOLATILITY_MODEL = Table(
    "volatility_model",
    "Out-of-sample predictions of the implied-volatility rank in 5 sessions by the shipped model.",
    (
        DATE,
        TICKER,
        Column("iv_rank", pl.Float64, "IV rank today", "0 to 1", low=0.0, high=1.0),
        Column(
            "iv_rank_pred",
            pl.Float64,
            "predicted IV rank in 5 sessions",
            "0 to 1",
            low=0.0,
            high=1.0,
        ),
        Column("iv_rank_change_pred", pl.Float64, "iv_rank_pred - iv_rank", low=-1.0, high=1.0),
        Column(
            "expected_rv",
            pl.Float64,
            "predicted realised volatility of the next 5 sessions",
            "annualised fraction",
            low=0.0,
        ),
        probability("p_regime_shift", "probability that the regime differs in 5 sessions"),
        FOLD,
        MODEL_ID,
    ),
)

MODEL_PREDICTIONS = Table(
    "model_predictions",
    "Out-of-sample predictions of every model, baselines and candidates included.",
    (
        DATE,
        TICKER,
        Column("model", pl.String, "name of the model", nullable=False),
        Column("target", pl.String, "predicted target", values=("direction", "iv_rank")),
        probability("p_bearish", "as in direction_model"),
        probability("p_neutral", "as in direction_model"),
        probability("p_bullish", "as in direction_model"),
        Column("iv_rank_pred", pl.Float64, "as in volatility_model, unclipped for baselines"),
        FOLD,
        MODEL_ID,
    ),
    key=("date", "ticker", "model"),
    partition=("date", "ticker", "target"),
)

MODEL_FOLDS = Table(
    "model_folds",
    "Index of the stored fold models: training data, location and hash.",
    (
        Column("model", pl.String, "name of the model", nullable=False),
        Column("fold", pl.String, "month that it predicts, YYYY-MM", nullable=False),
        Column(
            "input_hash",
            pl.String,
            "hash of training rows, parameters and library versions",
            nullable=False,
        ),
        Column("model_id", pl.String, "id of the stored model", nullable=False),
        Column("run_id", pl.String, "MLflow run", nullable=False),
        Column("path", pl.String, "path of the artifact in the home", nullable=False),
        Column("sha256", pl.String, "hash of the artifact", nullable=False),
        Column("train_rows", pl.Int64, "number of training rows", nullable=False),
        Column("train_end", pl.Date, "newest session in training", nullable=False),
        Column("trained_seconds", pl.Float64, "wall time of training", "s", nullable=False),
    ),
    key=("model", "fold", "input_hash"),
    partition=("model", "fold", "input_hash"),
)

TRIALS = Table(
    "trials",
    "Every variant of a model or of the trading rules that was ever scored: the count that "
    "corrects significance for multiple testing.",
    (
        Column("trial_id", pl.String, "hash of variant, data and months", nullable=False),
        Column(
            "target",
            pl.String,
            "target of the model variant, `backtest` for a variant of the trading rules, or "
            "`confidence` for a level at which a call counts as confident",
            values=("direction", "iv_rank", "backtest", "confidence"),
        ),
        Column("model", pl.String, "name of the variant", nullable=False),
        Column(
            "purpose",
            pl.String,
            "choice: scored on the years used to choose; final: later years, scored once; search: "
            "by the parameter search; backfill: by a backfill, for the count only",
            nullable=False,
            values=("choice", "final", "search", "backfill"),
        ),
        Column("parameters", pl.String, "parameters and versions that determine the fit, JSON"),
        Column("data_hash", pl.String, "hash of all rows, inputs and targets", nullable=False),
        Column("first", pl.Date, "first predicted session", nullable=False),
        Column("last", pl.Date, "last predicted session", nullable=False),
        Column("rows", pl.Int64, "rows scored", nullable=False),
        Column(
            "loss",
            pl.Float64,
            "log loss (direction), RMSE (iv_rank), minus the Sharpe ratio (backtest), or mean "
            "probability less hit rate, absolute (confidence)",
        ),
        Column(
            "naive_loss",
            pl.Float64,
            "loss of the naive forecast: class frequencies, persistence, or cash; for confidence, "
            "of all calls",
        ),
        Column("scores", pl.String, "all scores with their intervals and baselines, JSON"),
        Column("tried_at", TIMESTAMP, "when the variant was first scored", nullable=False),
    ),
    key=("trial_id",),
    partition=("trial_id",),
)

TRIAL_FOLDS = Table(
    "trial_folds",
    "Loss of each trial in each fold, beside that of the naive forecast.",
    (
        Column("trial_id", pl.String, "id of the trial", nullable=False),
        Column("fold", pl.String, "predicted month, YYYY-MM", nullable=False),
        Column("rows", pl.Int64, "rows scored", nullable=False),
        Column(
            "loss",
            pl.Float64,
            "mean log loss (direction), mean squared error (iv_rank), minus the mean daily "
            "excess return (backtest), or mean probability less hit rate (confidence)",
        ),
        Column("naive_loss", pl.Float64, "loss of the naive forecast"),
    ),
    key=("trial_id", "fold"),
    partition=("trial_id", "fold"),
)

CHAMPIONS = Table(
    "champions",
    "History of the variants that trading uses, one row per promotion or rollback, with the "
    "evidence.",
    (
        Column("target", pl.String, "predicted target", values=("direction", "iv_rank")),
        Column(
            "number",
            pl.Int64,
            "1, 2, ... for each target; the highest is the current champion",
            nullable=False,
        ),
        Column("model", pl.String, "name of the variant", nullable=False),
        Column("trial_id", pl.String, "trial that won the promotion; null for the default"),
        Column(
            "p_naive", pl.Float64, "p-value of no gain over the naive forecast", low=0.0, high=1.0
        ),
        Column(
            "p_previous",
            pl.Float64,
            "p-value of no gain over the previous champion",
            low=0.0,
            high=1.0,
        ),
        Column("reason", pl.String, "promoted, or rolled back from which", nullable=False),
        Column("since", TIMESTAMP, "when it became the champion", nullable=False),
    ),
    key=("target", "number"),
    partition=("target", "number"),
)

MODEL_SCORES = Table(
    "model_scores",
    "Out-of-sample scores of every model, written by backfills: by ticker, period, year, regime "
    "and age of the model, with intervals and naive baselines.",
    (
        Column("target", pl.String, "predicted target", values=("direction", "iv_rank")),
        Column("model", pl.String, "name of the model", nullable=False),
        Column("ticker", pl.String, "symbol, or ALL", nullable=False),
        Column(
            "period",
            pl.String,
            "all, to 2020, 2021 on, a year, a regime, sessions since training, or of stocks with "
            "or without a reaction to a report in the next 5 sessions",
            nullable=False,
        ),
        Column("metric", pl.String, "name of the metric", nullable=False),
        Column("value", pl.Float64, "score"),
        Column("low", pl.Float64, "lower end of the 95% block-bootstrap interval"),
        Column("high", pl.Float64, "upper end of the interval"),
        Column("baseline", pl.Float64, "score of the naive forecast on the same rows"),
        Column("n", pl.Int64, "rows scored", nullable=False),
    ),
    key=("target", "model", "ticker", "period", "metric"),
    partition=("target",),
)

MODEL_IMPORTANCE = Table(
    "model_importance",
    "Importance of each input in the newest folds of the shipped models, written by backfills.",
    (
        Column("target", pl.String, "predicted target", values=("direction", "iv_rank")),
        Column("fold", pl.String, "predicted month, YYYY-MM", nullable=False),
        Column("input", pl.String, "input of the model", nullable=False),
        Column("family", pl.String, "family of the feature", nullable=False),
        Column("gain", pl.Float64, "share of the split gain of the trees", low=0.0),
        Column("shap", pl.Float64, "share of the mean absolute SHAP values of the trees", low=0.0),
        Column("permutation", pl.Float64, "increase of the loss when the input is shuffled"),
    ),
    key=("target", "fold", "input"),
    partition=("target",),
)
