"""The tearsheet: what the stored backtest earned, beside everything that it is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from options_platform.contracts.backtest import KINDS
from options_platform.domain.backtest.results import HELD_NOTE, SETTLED
from options_platform.domain.backtest_study.baseline_registry import BASELINES
from options_platform.domain.backtest_study.draws import draw_bands
from options_platform.domain.backtest_study.scorecard import MODEL, against_seed
from options_platform.domain.statistics.breakdown import BREAKDOWNS, breakdown, monthly_returns
from options_platform.domain.trading.fills import FILL_MODELS
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
    """The rows of one run."""

    scores: pl.DataFrame
    draws: pl.DataFrame
    curves: pl.DataFrame
    equity: pl.DataFrame
    trades: pl.DataFrame
    fills: pl.DataFrame
    marks: pl.DataFrame


def tearsheet_section(stored: StoredBacktest) -> dict[str, Any] | None:
    """Rows and pictures of the run under the fill model that was set; None without a run."""
    if stored.scores.is_empty():
        return None
    fill = stored.scores.filter(pl.col("kind") == "hold")["fill_model"].to_list()[0]
    is_set = pl.col("fill_model") == fill
    equity, trades = stored.equity.filter(is_set).sort("date"), stored.trades.filter(is_set)
    closed = trades.drop_nulls("closed_on")
    ordered = _ordered(stored.scores)
    held = bool((trades["exit_reason"] == SETTLED).any())
    model = stored.scores.filter((pl.col("name") == MODEL) & is_set).row(0, named=True)
    return {
        "run": model["run"],
        "fill_model": fill,
        "first": model["first"],
        "last": model["last"],
        "model": model,
        "held_note": HELD_NOTE,
        "scores": [_told(row, ordered, held) for row in ordered if row["fill_model"] == fill],
        "draws": [
            {**row, "shown": drawn.told(row["name"])}
            for row in draw_bands(stored.draws, stored.scores).to_dicts()
        ],
        "targets": [
            {**row, "metric": METRICS[row["metric"]]}
            for row in against_seed(pl.DataFrame(ordered, schema=stored.scores.schema)).to_dicts()
        ],
        "sessions": equity.height,
        "stale_sessions": int(equity["yield_stale"].sum()),
        "earns_interest": bool((equity["interest_usd"] != 0).any()),
        "stale_from": equity.filter(pl.col("yield_stale"))["date"].min(),
        "plots": _plots(stored, equity),
        "breakdowns": _breakdowns(closed),
        "attribution": _attribution(closed),
        "open": _open_positions(stored, is_set),
        "trades": closed.sort("closed_on", "plan_id", descending=[True, False])
        .head(SHOWN_TRADES)
        .to_dicts(),
    }


def position_cards(positions: Sequence[Position]) -> list[dict[str, Any]]:
    """Open positions of an account, each with its payoff at expiry around its strikes."""
    return [
        {
            "ticker": own.ticker,
            "strategy": own.strategy,
            "contracts": own.contracts,
            "opened_on": own.opened_on,
            "expiry": own.expiry,
            "entry_price": own.entry_price,
            "value_usd": own.value_usd,
            "max_loss_usd": own.max_loss_usd,
            "plot": _payoff(
                pl.DataFrame([vars(leg) for leg in own.legs]), own.entry_price, None, own.contracts
            ),
        }
        for own in positions[:SHOWN_POSITIONS]
    ]


def _ordered(scores: pl.DataFrame) -> list[dict[str, Any]]:
    """The rules under each fill model, then baselines, then holding."""
    kinds, fills = KINDS, list(FILL_MODELS)
    return sorted(
        scores.iter_rows(named=True),
        key=lambda row: (kinds.index(row["kind"]), fills.index(row["fill_model"])),
    )


def _told(row: dict[str, Any], every: list[dict[str, Any]], model_held: bool) -> dict[str, Any]:
    """A row with its name for people, its Sharpe ratios under the best and the worst fills, and
    whether its positions are held to expiry: those of the rules, and so of most baselines, or a
    baseline's by nature."""
    baseline = BASELINES.get(row["name"])
    by_nature = baseline is not None and baseline.holds_to_expiry
    own = {other["fill_model"]: other["sharpe"] for other in every if other["name"] == row["name"]}
    ends = [own.get(fill) for fill in (BEST, WORST)]
    return {
        **row,
        "shown": drawn.told(row["name"]),
        "held": row["kind"] != "hold" and (model_held or by_nature),
        "band": ends if len(own) > 1 else None,
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
    found = []
    for by in BREAKDOWNS:
        rows = breakdown(closed, by)
        found.append(
            {
                "by": drawn.told(by),
                "plot": data_uri(drawn.profit_bars(rows, by)),
                "rows": rows.rename({by: "group"}).to_dicts(),
            }
        )
    return found


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
    """What was still open on the last session, with its payoff at expiry."""
    still = stored.trades.filter(is_set & pl.col("closed_on").is_null()).sort(
        "opened_on", "plan_id"
    )
    cards = []
    for row in still.head(SHOWN_POSITIONS).iter_rows(named=True):
        own = is_set & (pl.col("plan_id") == row["plan_id"])
        legs = stored.fills.filter(own & (pl.col("action") == "open")).sort("leg")
        mark = stored.marks.filter(own).sort("date").row(-1, named=True)
        spot = mark["notional_usd"] / (100.0 * row["contracts"])
        legs = legs.with_columns(ratio=pl.col("contracts") // row["contracts"])
        plot = _payoff(legs, row["entry_price"], spot, row["contracts"])
        cards.append({**row, "value_usd": mark["value_usd"], "plot": plot})
    return cards


def _payoff(legs: pl.DataFrame, price: float, spot: float | None, contracts: int) -> str | None:
    """None where the legs expire apart: their value then depends on more than the spot."""
    if legs["expiry"].n_unique() > 1:
        return None
    centre = float(legs["strike"].to_numpy().mean()) if spot is None else spot
    return data_uri(payoff_at_expiry(legs, price, centre, contracts, mark_spot=spot is not None))
