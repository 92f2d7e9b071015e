"""The tearsheet: the results of the stored backtest, beside its baselines and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from options_platform.contracts.backtest import KINDS
from options_platform.domain.accounting.exit_decisions import with_decisions
from options_platform.domain.backtest.results import HELD_NOTE, SETTLED
from options_platform.domain.backtest.sources import real_share, run_source
from options_platform.domain.backtest_study.baseline_registry import BASELINES
from options_platform.domain.backtest_study.draws import draw_bands
from options_platform.domain.backtest_study.error_band import HIGHER, with_band
from options_platform.domain.backtest_study.price_risk import (
    AS_MEASURED,
    SCENARIO_NAMES,
    rests_on_surface,
)
from options_platform.domain.backtest_study.scorecard import MODEL, against_seed
from options_platform.domain.statistics.breakdown import BREAKDOWNS, breakdown, monthly_returns
from options_platform.domain.trading.fill_prices import FILL_MODELS
from options_platform.domain.trading.positions import Position
from options_platform.reporting import backtest_figures as drawn
from options_platform.reporting.figures import data_uri, payoff_at_expiry

PARTS = ("delta", "gamma", "theta", "vega", "other")
SHOWN_POSITIONS = 6
SHOWN_TRADES = 12
BEST, *_, WORST = FILL_MODELS
METRICS = {"sharpe": "Sharpe ratio", "win_rate": "win rate", "profit_factor": "profit factor"}


@dataclass(frozen=True)
class StoredBacktest:
    """The rows of one backtest run; each field has the columns of its `backtest_*` table."""

    scores: pl.DataFrame
    draws: pl.DataFrame
    price_risk: pl.DataFrame
    curves: pl.DataFrame
    equity: pl.DataFrame
    trades: pl.DataFrame
    fills: pl.DataFrame
    marks: pl.DataFrame
    sources: pl.DataFrame


def tearsheet_section(stored: StoredBacktest) -> dict[str, Any] | None:
    """Rows and plots of the run under the configured fill model; None without a run."""
    if stored.scores.is_empty():
        return None
    fill = stored.scores.filter(pl.col("kind") == "hold")["fill_model"].to_list()[0]
    is_set = pl.col("fill_model") == fill
    equity, trades = stored.equity.filter(is_set).sort("date"), stored.trades.filter(is_set)
    closed = trades.drop_nulls("closed_on")
    ordered = _ordered(stored.scores)
    shown = _ordered(with_band(stored.scores, stored.price_risk, fill, AS_MEASURED))
    widened_fills = {
        row["fill_model"] for row in shown if row["over_band"] and row["name"] == MODEL
    }
    model_holds = bool((trades["exit_reason"] == SETTLED).any())
    model = stored.scores.filter((pl.col("name") == MODEL) & is_set).row(0, named=True)
    return {
        "run": model["run"],
        "fill_model": fill,
        "first": model["first"],
        "last": model["last"],
        "model": model,
        "held_note": HELD_NOTE,
        "scores": [
            _score_row(row, ordered, model_holds) for row in shown if row["fill_model"] == fill
        ],
        "draws": [
            {**row, "shown": drawn.shown_name(row["name"])}
            for row in draw_bands(stored.draws, stored.scores).to_dicts()
        ],
        "price_risk": _price_risk(stored.price_risk),
        "error_points": stored.price_risk.filter(pl.col("scenario") == HIGHER)["iv_points"].max(),
        "sources": _sources(stored.sources.filter(is_set)),
        "targets": [
            {
                **row,
                "metric": METRICS[row["metric"]],
                "over_band": row["metric"] == "sharpe" and row["fill_model"] in widened_fills,
            }
            for row in against_seed(pl.DataFrame(shown, schema=stored.scores.schema)).to_dicts()
        ],
        "sessions": equity.height,
        "stale_sessions": int(equity["yield_stale"].sum()),
        "earns_interest": bool((equity["interest_usd"] != 0).any()),
        "stale_from": equity.filter(pl.col("yield_stale"))["date"].min(),
        "plots": _plots(stored, equity),
        "breakdowns": _breakdowns(closed),
        "attribution": _attribution(closed),
        "open": _open_positions(stored, is_set),
        "trades": with_decisions(
            closed.sort("closed_on", "plan_id", descending=[True, False]).head(SHOWN_TRADES),
            stored.marks.filter(is_set),
            "plan_id",
        ).to_dicts(),
    }


def position_cards(positions: Sequence[Position]) -> list[dict[str, Any]]:
    """The first open positions of an account, each with a plot of its payoff at expiry."""
    return [
        {
            "ticker": position.ticker,
            "strategy": position.strategy,
            "contracts": position.contracts,
            "opened_on": position.opened_on,
            "expiry": position.expiry,
            "entry_price": position.entry_price,
            "value_usd": position.value_usd,
            "max_loss_usd": position.max_loss_usd,
            "plot": _payoff(
                pl.DataFrame([vars(leg) for leg in position.legs]),
                position.entry_price,
                None,
                position.contracts,
            ),
        }
        for position in positions[:SHOWN_POSITIONS]
    ]


def _sources(sources: pl.DataFrame) -> dict[str, Any]:
    """What the trades' prices rest on; synthetic for a run of former versions."""
    names = sources["chain_source"]
    return {
        "chain_source": run_source(sources),
        "real_share": real_share(sources),
        "trades": {name: int((names == name).sum()) for name in ("real", "mixed", "synthetic")},
    }


def _price_risk(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Each result with its verdict and its rows by scenario; empty for a run of former versions."""
    if rows.is_empty():
        return []
    names = list(SCENARIO_NAMES)
    rows = rows.filter(pl.col("scenario").is_in(names))
    ordered = rows.sort(pl.col("scenario").replace_strict(names, range(len(names))))
    return [
        {
            "shown": drawn.shown_name(verdict["name"]),
            "rests_on_surface": verdict["rests_on_surface"],
            "rows": ordered.filter(pl.col("name") == verdict["name"]).to_dicts(),
        }
        for verdict in rests_on_surface(rows).to_dicts()
    ]


def _ordered(scores: pl.DataFrame) -> list[dict[str, Any]]:
    """Scores in the order of the page: the rules, the baselines, then buy and hold."""
    kinds, fills = KINDS, list(FILL_MODELS)
    return sorted(
        scores.iter_rows(named=True),
        key=lambda row: (kinds.index(row["kind"]), fills.index(row["fill_model"])),
    )


def _score_row(
    row: dict[str, Any], scores: list[dict[str, Any]], model_holds: bool
) -> dict[str, Any]:
    """A score with its display name and its Sharpe ratios under the best and the worst fills.

    `held` is true if its positions are held to expiry: always for some baselines, otherwise if
    the model's rules hold to expiry.
    """
    baseline = BASELINES.get(row["name"])
    always_holds = baseline is not None and baseline.holds_to_expiry
    sharpes = {
        other["fill_model"]: other["sharpe"] for other in scores if other["name"] == row["name"]
    }
    band = [sharpes.get(fill) for fill in (BEST, WORST)]
    return {
        **row,
        "shown": drawn.shown_name(row["name"]),
        "held": row["kind"] != "hold" and (model_holds or always_holds),
        "band": band if len(sharpes) > 1 else None,
    }


def _plots(stored: StoredBacktest, equity: pl.DataFrame) -> dict[str, str]:
    sessions = equity["date"].to_list()
    curves = {
        str(name): _values(rows)
        for (name,), rows in stored.curves.sort("date").group_by("name", maintain_order=True)
    }
    band = {
        str(name): _values(rows)
        for (name,), rows in stored.equity.sort("date").group_by("fill_model", maintain_order=True)
    }
    months = monthly_returns(equity.rename({"date": "session"}))
    return {
        name: data_uri(png)
        for name, png in {
            "equity": drawn.equity_curves(sessions, curves),
            "drawdown": drawn.drawdowns(sessions, curves),
            "band": drawn.fill_band(sessions, band),
            "months": drawn.monthly_heatmap(months),
        }.items()
    }


def _values(rows: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(rows["equity_usd"].to_numpy(), dtype=np.float64)


def _breakdowns(closed: pl.DataFrame) -> list[dict[str, Any]]:
    if closed.is_empty():
        return []
    groups = []
    for by in BREAKDOWNS:
        rows = breakdown(closed, by)
        groups.append(
            {
                "by": drawn.shown_name(by),
                "plot": data_uri(drawn.profit_bars(rows, by)),
                "rows": rows.rename({by: "group"}).to_dicts(),
            }
        )
    return groups


def _attribution(closed: pl.DataFrame) -> dict[str, Any] | None:
    if closed.is_empty():
        return None
    parts = {name: float(closed[f"{name}_usd"].sum()) for name in PARTS}
    parts |= {name: -float(closed[f"{name}_usd"].sum()) for name in ("slippage", "fees")}
    return {
        "parts": parts,
        "profit": float(closed["pnl_usd"].sum()),
        "plot": data_uri(drawn.attribution(parts)),
    }


def _open_positions(stored: StoredBacktest, is_set: pl.Expr) -> list[dict[str, Any]]:
    """Positions that were still open on the last session, with a plot of the payoff at expiry."""
    still_open = stored.trades.filter(is_set & pl.col("closed_on").is_null()).sort(
        "opened_on", "plan_id"
    )
    cards = []
    for row in still_open.head(SHOWN_POSITIONS).iter_rows(named=True):
        of_position = is_set & (pl.col("plan_id") == row["plan_id"])
        legs = stored.fills.filter(of_position & (pl.col("action") == "open")).sort("leg")
        mark = stored.marks.filter(of_position).sort("date").row(-1, named=True)
        spot = mark["notional_usd"] / (100.0 * row["contracts"])
        legs = legs.with_columns(ratio=pl.col("contracts") // row["contracts"])
        plot = _payoff(legs, row["entry_price"], spot, row["contracts"])
        cards.append({**row, "value_usd": mark["value_usd"], "plot": plot})
    return cards


def _payoff(legs: pl.DataFrame, price: float, spot: float | None, contracts: int) -> str | None:
    """Plot of the payoff as a data URI, around `spot` or, if None, around the mean strike.

    None for legs with several expiries, whose payoff depends on more than the spot.
    """
    if legs["expiry"].n_unique() > 1:
        return None
    centre = float(legs["strike"].to_numpy().mean()) if spot is None else spot
    return data_uri(payoff_at_expiry(legs, price, centre, contracts, mark_spot=spot is not None))
