"""The section on refusals: what each gate of the stored backtest saved or cost, in one look."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from options_platform.domain.backtest_study.refusal_prices import (
    ALONE,
    BLOCK_SESSIONS,
    COST,
    FEWEST_BLOCKS,
    FEWEST_OF_EACH,
    FEWEST_TRADES,
    FIRST,
    GATES,
    LEVEL,
    MADE,
    NOT_FOLLOWED,
    SAVED,
)
from options_platform.reporting import backtest_figures as drawn
from options_platform.reporting.figures import data_uri


def refusals_section(prices: pl.DataFrame) -> dict[str, Any] | None:
    """Rows and plot of the price of each gate; None where no run has stored any.

    `prices` are rows of `backtest_refusal_prices` of one run.
    """
    if prices.is_empty():
        return None
    order = {gate: number for number, gate in enumerate([*GATES, MADE])}
    ordered = prices.sort(pl.col("gate").replace_strict(order, default=len(order)))
    alone = ordered.filter(pl.col("gate") != MADE, scope=ALONE)
    followed = alone.filter(pl.col("verdict") != NOT_FOLLOWED)
    first = {row["gate"]: row for row in ordered.filter(scope=FIRST).to_dicts()}
    return {
        "gates": [
            {**row, "means": GATES.get(row["gate"], ""), "with_later": first.get(row["gate"])}
            for row in followed.to_dicts()
        ],
        "made": ordered.filter(gate=MADE).row(0, named=True),
        "missing": [
            {**row, "means": GATES.get(row["gate"], "")}
            for row in alone.filter(pl.col("not_followed") > 0).to_dicts()
        ],
        "tested": alone["p_corrected"].count(),
        "proven": followed.filter(pl.col("verdict").is_in([SAVED, COST])).to_dicts(),
        "level": LEVEL,
        "block_sessions": BLOCK_SESSIONS,
        "fewest_trades": FEWEST_TRADES,
        "fewest_blocks": FEWEST_BLOCKS,
        "fewest_of_each": FEWEST_OF_EACH,
        "followed": int(followed["followed"].sum()),
        "modelled": int(followed["modelled"].sum()),
        "plot": _plot(followed) if followed["saved_r"].count() else None,
    }


def _plot(followed: pl.DataFrame) -> str:
    rows = followed.drop_nulls("saved_r")
    saved, low, high = (
        rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for name in ("saved_r", "saved_r_low", "saved_r_high")
    )
    names = [f"{gate}  ({count:,})" for gate, count in rows.select("gate", "followed").iter_rows()]
    proven = rows["verdict"].is_in([SAVED, COST]).to_list()
    return data_uri(drawn.saved_by_gates(names, saved, low, high, proven))
