"""The plots of a rehearsal: the month, the account, and when what happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.reporting.figures import (
    INK,
    LINES,
    MUTED,
    data_uri,
    date_axis,
    new_figure,
)
from options_platform.services.rehearsal.result import Event, Moment, SessionRow

KINDS = (
    "gap",
    "outage",
    "kill",
    "assignment",
    "book",
    "expiry",
    "stop",
    "pause",
    "halt",
    "refused",
)
"""The kinds of events, from the top of the plot down."""

BAD = "#a3362e"


def month_plot(moments: Sequence[Moment], sessions: Sequence[SessionRow]) -> str:
    """The tickers at each moment, the first one's close = 100, and the VIX at the closes."""
    with new_figure(2.8) as (axes, made):
        at = _naive(moment.at for moment in moments)
        for number, ticker in enumerate(moments[0].spots):
            spots = np.array([moment.spots[ticker] for moment in moments])
            colour = LINES[number % len(LINES)]
            axes.plot(at, 100.0 * spots / spots[0], color=colour, linewidth=1.2, label=ticker)
        axes.set_ylabel("first moment = 100")
        beside = axes.twinx()
        days = _naive(_at_close(row.session) for row in sessions)
        vix = np.array([np.nan if row.vix is None else row.vix for row in sessions], dtype=float)
        beside.plot(days, vix, color=MUTED, linewidth=1.0, linestyle="--", label="volatility index")
        beside.set_ylabel("volatility index (points)", fontsize=9)
        beside.tick_params(colors=INK, labelsize=8)
        beside.spines["top"].set_visible(False)
        date_axis(axes)
        handles = [*axes.get_legend_handles_labels()[0], *beside.get_legend_handles_labels()[0]]
        axes.legend(
            handles=handles, frameon=False, fontsize=8, ncols=len(handles), loc="lower left",
            bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2,
        )  # fmt: skip
    return data_uri(made())


def equity_plot(moments: Sequence[Moment], halted_at: datetime | None) -> str:
    """Equity at the broker at each moment, in USD, and when entries were halted."""
    with new_figure(2.4) as (axes, made):
        equity = np.array([moment.equity_usd for moment in moments])
        at = _naive(moment.at for moment in moments)
        axes.plot(at, equity, color=LINES[0], linewidth=1.3)
        axes.axhline(equity[0], color=MUTED, linewidth=0.8, linestyle="--")
        if halted_at is not None:
            axes.axvline(_naive([halted_at])[0], color=BAD, linewidth=1.0)
            axes.annotate(
                " entries halted", (_naive([halted_at])[0], 1.0), va="top", fontsize=8, color=BAD,
                xycoords=axes.get_xaxis_transform(),
            )  # fmt: skip
        axes.set_ylabel("equity (USD)")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        date_axis(axes)
    return data_uri(made())


def drawdown_plot(moments: Sequence[Moment]) -> str:
    """How far equity is below its highest moment so far, in per cent."""
    with new_figure(1.8) as (axes, made):
        at = _naive(moment.at for moment in moments)
        axes.fill_between(at, -100.0 * drawdowns(moments), 0.0, color=BAD, alpha=0.35, linewidth=0)
        axes.set_ylabel("drawdown (%)")
        date_axis(axes)
    return data_uri(made())


def risk_plot(sessions: Sequence[SessionRow], limit_usd: float) -> str:
    """What the open positions can lose at the end of each session, in USD, beside the limit."""
    with new_figure(1.8) as (axes, made):
        days = _naive(_at_close(row.session) for row in sessions)
        axes.bar(days, [row.open_risk_usd for row in sessions], color=LINES[0], width=0.6)
        axes.axhline(limit_usd, color=BAD, linewidth=0.9, linestyle="--")
        axes.annotate(
            "limit of all positions", (0.0, limit_usd), fontsize=8, color=BAD, va="bottom",
            xycoords=axes.get_yaxis_transform(),
        )  # fmt: skip
        axes.set_ylabel("open risk (USD)")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.margins(y=0.18)
        date_axis(axes)
    return data_uri(made())


def events_plot(events: Sequence[Event], names: Mapping[str, str]) -> str:
    """When what happened: a row for each kind that did, with its name."""
    kinds = [kind for kind in KINDS if any(event.kind == kind for event in events)]
    with new_figure(0.6 + 0.26 * max(1, len(kinds))) as (axes, made):
        for number, kind in enumerate(kinds):
            at = _naive(event.at for event in events if event.kind == kind)
            colour = BAD if kind in ("halt", "pause") else LINES[number % len(LINES)]
            axes.scatter(at, np.full(len(at), number), s=14, color=colour)
        axes.set_yticks(range(len(kinds)), [names[kind] for kind in kinds])
        axes.invert_yaxis()
        axes.margins(y=0.2)
        date_axis(axes)
    return data_uri(made())


def drawdowns(moments: Sequence[Moment]) -> Floats:
    """How far equity is below its highest moment so far, as a fraction; shape [moments]."""
    equity = np.array([moment.equity_usd for moment in moments])
    return np.asarray(1.0 - equity / np.maximum.accumulate(equity))


def _naive(moments: Iterable[datetime]) -> NDArray[np.datetime64]:
    """Times of New York without their zone, as the axis shows them."""
    texts = [each.astimezone(NEW_YORK).replace(tzinfo=None) for each in moments]
    return np.array(texts, dtype="datetime64[s]")


def _at_close(session: date) -> datetime:
    return datetime.combine(session, time(16), NEW_YORK)
