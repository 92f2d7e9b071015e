"""The tables of the warehouse: columns, types, units, keys, and what may be null.

One declaration serves them all: the DuckDB schema, the refusal of frames that do not fit, the
blocking asset checks, the column metadata in the Dagster UI and the data dictionary in the docs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

from options_platform.domain.features.registry import FEATURES
from options_platform.domain.regime_names import REGIMES
from options_platform.errors import ContractError

DIRECTIONS = ("bearish", "neutral", "bullish")

TIMESTAMP = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Column:
    """One column: `unit` in words, `low`/`high` the closed range its values must lie in."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    unit: str = ""
    nullable: bool = True
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Table:
    """A table; `key` is its primary key, rows are replaced by `partition` (date and ticker)."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("date", "ticker")
    partition: tuple[str, ...] = ("date", "ticker")

    @property
    def schema(self) -> pl.Schema:
        """Column names and Polars types, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def column(self, name: str) -> Column:
        """The column of that name; KeyError otherwise."""
        return {column.name: column for column in self.columns}[name]

    def empty(self) -> pl.DataFrame:
        """A frame of this schema without rows."""
        return pl.DataFrame(schema=self.schema)

    def validate(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with its columns in the table's order, or :class:`ContractError`.

        Refused are missing or unknown columns, other types, null or duplicate keys and nulls
        where the contract allows none. Values out of range are for the asset checks to judge.
        """
        self._require_columns(frame)
        frame = frame.select(self.schema.names())
        wrong = [
            f"{name} is {frame.schema[name]}, not {dtype}"
            for name, dtype in self.schema.items()
            if frame.schema[name] != dtype
        ]
        if wrong:
            raise ContractError(f"{self.name}: {'; '.join(wrong)}; nothing was written")
        required = [c.name for c in self.columns if not c.nullable or c.name in self.key]
        counts = frame.select(pl.col(required).null_count()).row(0, named=True)
        nulls = [f"{name} ({count} rows)" for name, count in counts.items() if count]
        if nulls:
            raise ContractError(f"{self.name}: null in {', '.join(nulls)}; nothing was written")
        doubled = frame.filter(pl.struct(self.key).is_duplicated())
        if doubled.height:
            example = doubled.select(self.key).row(0)
            raise ContractError(
                f"{self.name}: {doubled.height} rows share a key, e.g. {_show_key(example)}; "
                "nothing was written"
            )
        return frame

    def _require_columns(self, frame: pl.DataFrame) -> None:
        missing = [name for name in self.schema if name not in frame.columns]
        unknown = [name for name in frame.columns if name not in self.schema]
        if missing or unknown:
            parts = []
            if missing:
                parts.append(f"columns missing: {', '.join(missing)}")
            if unknown:
                parts.append(f"columns unknown: {', '.join(unknown)}")
            raise ContractError(f"{self.name}: {'; '.join(parts)}; nothing was written")


def _show_key(key: Sequence[object]) -> str:
    return "(" + ", ".join(str(part) for part in key) + ")"


DATE = Column("date", pl.Date, "New York session", nullable=False)
TICKER = Column("ticker", pl.String, "symbol of the underlying", nullable=False)
FOLD = Column("fold", pl.String, "month that the model predicts, YYYY-MM")
MODEL_ID = Column("model_id", pl.String, "stored fold model that made the row")


def _price(name: str, description: str) -> Column:
    return Column(name, pl.Float64, description, "USD a share, split-adjusted", low=0.0)


def _probability(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, pl.Float64, description, "probability", nullable, low=0.0, high=1.0)


def _usd(name: str, description: str) -> Column:
    return Column(name, pl.Float64, description, "USD, whole position")


RAW_OHLCV = Table(
    "raw_ohlcv",
    "Daily bars as the source gave them, cleaned; a bad or missing bar keeps its row, with null "
    "prices and its reason.",
    (
        DATE,
        TICKER,
        _price("open", "first price"),
        _price("high", "highest price"),
        _price("low", "lowest price"),
        _price("close", "official close"),
        _price("adj_close", "close adjusted for splits and dividends; restated by the source"),
        Column("volume", pl.Float64, "traded volume, split-adjusted", "shares", low=0.0),
        Column("dividend", pl.Float64, "cash dividend with ex-date today", "USD a share", low=0.0),
        Column("split_ratio", pl.Float64, "new shares per old, effective today", "ratio", low=0.0),
        Column(
            "split_factor",
            pl.Float64,
            "product of all later split ratios known to the source: close x factor is the price "
            "as traded; null where the source knows no splits",
            "ratio",
            low=0.0,
        ),
        Column("source", pl.String, "where the row came from", nullable=False),
        Column("bad_reason", pl.String, "why the bar was set aside; null for a good bar"),
        Column("fetched_at", TIMESTAMP, "when the row was fetched", nullable=False),
    ),
)

VIX = Table(
    "vix",
    "The volatility index of each ticker, on the ticker's sessions.",
    (
        DATE,
        TICKER,
        Column("iv_symbol", pl.String, "volatility index of the ticker", nullable=False),
        Column("iv_close", pl.Float64, "close of `iv_symbol`", "index points", low=0.0),
        Column("iv_age", pl.Int32, "sessions since `iv_close` was published", "sessions", high=1),
        Column("vix", pl.Float64, "close of the VIX itself", "index points", low=0.0),
        Column("vix_age", pl.Int32, "sessions since `vix` was published", "sessions", high=1),
        Column("source", pl.String, "where the row came from", nullable=False),
        Column("fetched_at", TIMESTAMP, "when the row was fetched", nullable=False),
    ),
)

FEATURES_TABLE = Table(
    "features",
    "Technical, volatility and regime features of the session, from data up to its close.",
    (
        DATE,
        TICKER,
        *(
            Column(f.name, f.dtype, f.description, f.unit, low=f.low, high=f.high, values=f.values)
            for f in FEATURES
        ),
        Column("feature_version", pl.String, "hash of the declarations", nullable=False),
    ),
)

LABELS = Table(
    "labels",
    "What the models predict; null until known.",
    (
        DATE,
        TICKER,
        Column("fwd_return_5d", pl.Float64, "close in 5 sessions / close - 1", "fraction"),
        Column("direction", pl.String, "class of `fwd_return_5d` at +-1%", values=DIRECTIONS),
        Column("fwd_iv_rank_5d", pl.Float64, "`iv_rank` in 5 sessions", "0 to 1", low=0, high=1),
        Column(
            "fwd_rv_5d",
            pl.Float64,
            "realised volatility of the next 5 sessions",
            "annualised fraction",
            low=0.0,
        ),
        Column("known_on", pl.Date, "session at whose close the label is known", nullable=False),
    ),
)

DIRECTION_MODEL = Table(
    "direction_model",
    "Out-of-sample predictions of the 5-session direction by the shipped model.",
    (
        DATE,
        TICKER,
        _probability("p_bearish", "probability of a return below -1%"),
        _probability("p_neutral", "probability of a return within +-1%"),
        _probability("p_bullish", "probability of a return above +1%"),
        Column("direction", pl.String, "class of the highest probability", values=DIRECTIONS),
        Column("confidence", pl.Float64, "(p - 1/3) / (2/3) of that class", low=0.0, high=1.0),
        FOLD,
        MODEL_ID,
    ),
)

VOLATILITY_MODEL = Table(
    "volatility_model",
    "Out-of-sample predictions of the implied-volatility rank in 5 sessions by the shipped model.",
    (
        DATE,
        TICKER,
        Column("iv_rank", pl.Float64, "rank today", "0 to 1", low=0.0, high=1.0),
        Column("iv_rank_pred", pl.Float64, "rank in 5 sessions", "0 to 1", low=0.0, high=1.0),
        Column("iv_rank_change_pred", pl.Float64, "prediction - rank today", low=-1.0, high=1.0),
        Column(
            "expected_rv",
            pl.Float64,
            "realised volatility expected over the next 5 sessions",
            "annualised fraction",
            low=0.0,
        ),
        _probability("p_regime_shift", "probability that the regime differs in 5 sessions"),
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
        Column("target", pl.String, "direction or iv_rank", values=("direction", "iv_rank")),
        _probability("p_bearish", "as in direction_model"),
        _probability("p_neutral", "as in direction_model"),
        _probability("p_bullish", "as in direction_model"),
        Column("iv_rank_pred", pl.Float64, "as in volatility_model, unclipped for baselines"),
        FOLD,
        MODEL_ID,
    ),
    key=("date", "ticker", "model"),
    partition=("date", "ticker", "target"),
)

REGIME = Table(
    "regime",
    "Rule-based volatility regime, with the confirmation setting applied.",
    (
        DATE,
        TICKER,
        Column(
            "regime", pl.String, "first rule that matches; null on missing data", values=REGIMES
        ),
        Column("matched", pl.List(pl.String), "all rules that match, in order"),
        Column("days_in_regime", pl.Int32, "0 on the regime's first session", "sessions", low=0),
        Column("previous_regime", pl.String, "regime before the current one", values=REGIMES),
    ),
)

REGIME_TRANSITIONS = Table(
    "regime_transitions",
    "Sessions on which the regime changed.",
    (
        DATE,
        TICKER,
        Column("from_regime", pl.String, "regime of the session before", values=REGIMES),
        Column("to_regime", pl.String, "regime of this session", values=REGIMES),
        Column("sessions_in_previous", pl.Int32, "how long the one before lasted", "sessions"),
    ),
)

TRADE_PLAN = Table(
    "trade_plan",
    "The decision of the session, trades and no-trades alike, with the reasons.",
    (
        DATE,
        TICKER,
        Column("plan_id", pl.String, "hash of date, ticker and content", nullable=False),
        Column("decision", pl.String, "what to do", nullable=False, values=("trade", "no_trade")),
        Column("reasons", pl.List(pl.String), "codes of what decided", nullable=False),
        Column("strategy", pl.String, "name of the strategy, or none", nullable=False),
        Column("direction", pl.String, "predicted direction", values=DIRECTIONS),
        Column("confidence", pl.Float64, "as in direction_model", low=0.0, high=1.0),
        Column("regime", pl.String, "regime of the session", values=REGIMES),
        Column("iv_rank", pl.Float64, "rank of the session", "0 to 1", low=0.0, high=1.0),
        Column("spot", pl.Float64, "price that the strikes refer to", "USD a share", low=0.0),
        Column("expiry", pl.Date, "expiry of all legs"),
        Column("dte", pl.Int32, "days from the session to `expiry`", "calendar days", low=0),
        Column("target_dte", pl.Int32, "what the DTE rule asked for", "calendar days", low=0),
        Column("width", pl.Float64, "wider distance of two strikes", "USD a share", low=0.0),
        Column("contracts", pl.Int32, "number of spreads", nullable=False, low=0),
        Column("limit_price", pl.Float64, "debit positive, credit negative", "USD a share"),
        _usd("max_loss_usd", "maximum loss, fees included"),
        _usd("max_profit_usd", "maximum profit, fees deducted"),
        Column("net_delta", pl.Float64, "delta", "shares, whole position"),
        Column("net_gamma", pl.Float64, "gamma", "shares per USD, whole position"),
        Column("net_theta", pl.Float64, "theta", "USD per calendar day, whole position"),
        Column("net_vega", pl.Float64, "vega", "USD per vol point, whole position"),
        Column("chain_source", pl.String, "what the quotes rest on", values=("real", "synthetic")),
        Column("strike_basis", pl.String, "price basis", values=("as_traded", "adjusted")),
    ),
)

TRADE_PLAN_LEGS = Table(
    "trade_plan_legs",
    "The legs of each planned trade.",
    (
        DATE,
        TICKER,
        Column("plan_id", pl.String, "plan that the leg belongs to", nullable=False),
        Column("leg", pl.Int32, "number of the leg, from 1", nullable=False, low=1),
        Column("side", pl.String, "bought or sold", nullable=False, values=("buy", "sell")),
        Column("right", pl.String, "call or put", nullable=False, values=("call", "put")),
        Column("strike", pl.Float64, "strike", "USD a share", nullable=False, low=0.0),
        Column("expiry", pl.Date, "expiry", nullable=False),
        Column("ratio", pl.Int32, "contracts per spread", nullable=False, low=1),
        Column("iv", pl.Float64, "implied volatility", "annualised fraction", low=0.0),
        Column("delta", pl.Float64, "delta of one option", "per share", low=-1.0, high=1.0),
        Column("bid", pl.Float64, "bid", "USD a share", low=0.0),
        Column("mid", pl.Float64, "mid", "USD a share", low=0.0),
        Column("ask", pl.Float64, "ask", "USD a share", low=0.0),
    ),
    key=("plan_id", "leg"),
)

ORDER_STATUSES = (
    "no_trade",
    "not_sent",
    "pending",
    "submitted",
    "partially_filled",
    "filled",
    "canceled",
    "expired",
    "rejected",
    "unknown",
)

PAPER_ORDERS = Table(
    "paper_orders",
    "What was sent for the plan and what became of it; a copy of the ledger's truth.",
    (
        DATE,
        TICKER,
        Column("plan_id", pl.String, "plan of the session", nullable=False),
        Column("client_order_id", pl.String, "id at the broker; null if nothing was sent"),
        Column("status", pl.String, "state of the order", nullable=False, values=ORDER_STATUSES),
        Column("reason", pl.String, "why that state, e.g. BACKFILL"),
        Column("contracts", pl.Int32, "spreads ordered", nullable=False, low=0),
        Column("filled_qty", pl.Int32, "spreads filled", nullable=False, low=0),
        Column("avg_price", pl.Float64, "net price of the fills, debit positive", "USD a share"),
        Column("broker", pl.String, "broker and account label", nullable=False),
        Column("updated_at", TIMESTAMP, "last change of the state", nullable=False),
    ),
)

QUARANTINE = Table(
    "quarantine",
    "Rows of a source that were set aside, as they came, with the rule that they broke.",
    (
        DATE,
        TICKER,
        Column("rule", pl.String, "rule that the row broke", nullable=False),
        Column("value", pl.String, "the row as it came, JSON", nullable=False),
        Column("source", pl.String, "where the row came from", nullable=False),
        Column("seen_at", TIMESTAMP, "when it was set aside", nullable=False),
    ),
    key=("date", "ticker", "rule", "value"),
)

GARCH_PARAMS = Table(
    "garch_params",
    "GARCH(1,1) fits held for a month; reused while the returns that made them are the same.",
    (
        Column("month", pl.String, "month the fit serves, YYYY-MM", nullable=False),
        TICKER,
        Column("input_hash", pl.String, "hash of the fitted log returns", nullable=False),
        Column("mu", pl.Float64, "mean", "percent a session"),
        Column("omega", pl.Float64, "constant of the variance", "percent squared"),
        Column("alpha", pl.Float64, "weight of the last squared shock"),
        Column("beta", pl.Float64, "weight of the last variance"),
        Column("status", pl.String, "ok, or why there is no fit", nullable=False),
    ),
    key=("month", "ticker"),
    partition=("month", "ticker"),
)

MODEL_FOLDS = Table(
    "model_folds",
    "Index of the stored fold models: what trained them, where they lie, and their hash.",
    (
        Column("model", pl.String, "name of the model", nullable=False),
        Column("fold", pl.String, "month that it predicts, YYYY-MM", nullable=False),
        Column("input_hash", pl.String, "hash of training data, parameters, code", nullable=False),
        Column("model_id", pl.String, "id of the stored model", nullable=False),
        Column("run_id", pl.String, "MLflow run", nullable=False),
        Column("path", pl.String, "artifact, relative to the home", nullable=False),
        Column("sha256", pl.String, "hash of the artifact", nullable=False),
        Column("train_rows", pl.Int64, "rows it was trained on", nullable=False),
        Column("train_end", pl.Date, "newest session in training", nullable=False),
        Column("trained_seconds", pl.Float64, "wall time of training", "s", nullable=False),
    ),
    key=("model", "fold", "input_hash"),
    partition=("model", "fold", "input_hash"),
)

ASSET_TABLES = (
    RAW_OHLCV,
    VIX,
    FEATURES_TABLE,
    LABELS,
    DIRECTION_MODEL,
    VOLATILITY_MODEL,
    REGIME,
    TRADE_PLAN,
    PAPER_ORDERS,
)

SIDE_TABLES = (
    TRADE_PLAN_LEGS,
    MODEL_PREDICTIONS,
    REGIME_TRANSITIONS,
    QUARANTINE,
    GARCH_PARAMS,
    MODEL_FOLDS,
)


@cache
def tables() -> dict[str, Table]:
    """All tables by name."""
    return {table.name: table for table in ASSET_TABLES + SIDE_TABLES}
