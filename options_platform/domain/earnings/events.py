"""Past reports as events: what price, volume and implied volatility did when each became known.

An event belongs to the session that reacted. Where the source gives no hour, or trading contradicts
the date, a collapse of implied volatility on a neighbouring session dates the report: on AAPL and
AMZN, 2011 to 2022, the largest fall within two sessions was the reaction in 92% of reports.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.calendar.sessions import ordinals
from options_platform.domain.earnings.crush import LOCATED, excess_falls, sigma_from_crush
from options_platform.domain.earnings.doubts import doubtful_dates
from options_platform.domain.earnings.market_relation import market_relation
from options_platform.domain.earnings.record import FILINGS
from options_platform.domain.earnings.straddles import implied_move

BY_IV, GIVEN = "iv", ("source", FILINGS)
VOLUME_SESSIONS, LATER_SESSIONS = 20, 4
REPORT = ("date", "timing", "timing_source", "source", "anchor", "reaction")


def located(
    reports: pl.DataFrame, bars: pl.DataFrame, volatility: pl.DataFrame | None
) -> pl.DataFrame:
    """`reports` with the sessions that implied volatility shows, and when that was known.

    A report without an hour, or with a date that volume contradicts, moves to a neighbouring
    session if volatility fell there by 15% more than half the market's fall, and by more than on
    its own; its `timing_source` is then iv. A filing at the SEC never moves. `known_on` is the
    session after the reaction that the source's date gives: from then on the event stays. A row
    depends on no other, so reports as they were known at several times may come together.

    Args:
        reports: rows of one ticker with date, timing, timing_source, source, anchor, reaction.
        bars: its date and volume.
        volatility: its date, iv and vix where it has a volatility of its own, else None.
    """
    calendar = ordinals()
    days = dict(zip(calendar["session"].to_list(), calendar["date"].to_list(), strict=True))
    numbers = {day: number for number, day in days.items()}
    doubted = set(doubtful_dates(reports, bars)["date"].to_list())
    falls = {} if volatility is None else _falls(volatility)
    rows: list[dict[str, Any]] = []
    for row in reports.select(REPORT).iter_rows(named=True):
        at = numbers[row["reaction"]]
        moved = {"known_on": days.get(at + 1)}
        if row["timing_source"] not in GIVEN or (
            row["timing_source"] != FILINGS and row["date"] in doubted
        ):
            own = falls.get(row["reaction"], math.inf)
            near = [(falls.get(days[n], math.inf), n) for n in (at - 1, at + 1) if n in days]
            fall, session = min(near)
            if fall <= LOCATED and fall < own:
                moved |= {
                    "anchor": days[session - 1], "reaction": days[session], "timing_source": BY_IV,
                }  # fmt: skip
        rows.append(row | moved)
    schema = pl.Schema([*reports.select(REPORT).schema.items(), ("known_on", pl.Date())])
    return pl.DataFrame(rows, schema=schema)


def past_events(
    reports: pl.DataFrame,
    bars: pl.DataFrame,
    volatility: pl.DataFrame | None,
    market: pl.DataFrame | None,
) -> pl.DataFrame:
    """One row for each report of a ticker whose anchor and reaction have a close, by reaction.

    All moves are fractions of the anchor's close, volatilities annual fractions. Null where bars,
    the market's bars or a volatility of the ticker's own are missing. `suspicious` says why the
    date is doubtful, null if it is not.

    Args:
        reports: past reports of one ticker, with the columns of :func:`located`.
        bars: its sessions with a good bar: date, open, close, volume; sorted by date.
        volatility: date, iv and vix in index points, sorted by date; None without its own.
        market: date and close of SPY; None if the home has none.
    """
    # Two dates of one report may lead to the same session.
    dated = located(reports, bars, volatility).unique("reaction", keep="first", maintain_order=True)
    days = bars["date"].to_list()
    at = {day: row for row, day in enumerate(days)}
    close, opened, volume = (bars[name].to_numpy() for name in ("close", "open", "volume"))
    index = _closes_like(bars, market)
    implied = {} if volatility is None else _levels(volatility)
    doubts = doubtful_dates(dated, bars, volatility)
    why = dict(doubts.select("reaction", "why").iter_rows())
    rows = []
    for row in dated.sort("reaction").iter_rows(named=True):
        before, after = at.get(row["anchor"]), at.get(row["reaction"])
        if before is None or after is None:
            continue
        move = float(close[after] / close[before] - 1.0)
        later = after + LATER_SESSIONS
        usual = volume[max(before - VOLUME_SESSIONS, 0) : before]
        pre, post = implied.get(row["anchor"]), implied.get(row["reaction"])
        sigma = _known(sigma_from_crush(pre, post)) if pre and post else None
        priced = implied_move(sigma * sigma) if sigma else None
        rows.append(
            {
                **{name: row[name] for name in row if name != "date"},
                "report_date": row["date"],
                "move": move,
                "gap": float(opened[after] / close[before] - 1.0),
                "move_5d": float(close[later] / close[before] - 1.0) if later < len(days) else None,
                "idio_move": _idio(close, index, before, after),
                "volume_ratio": _known(volume[after] / usual.mean())
                if usual.size == VOLUME_SESSIONS and usual.mean() > 0
                else None,
                "iv_pre": pre,
                "iv_post": post,
                "iv_crush": post / pre - 1.0 if pre and post else None,
                "event_sigma": sigma,
                "implied_move": priced,
                "move_ratio": abs(move) / priced if priced else None,
                "implied_source": "iv_crush" if priced else None,
                "suspicious": why.get(row["reaction"]),
            }
        )
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


EVENT_SCHEMA = pl.Schema(
    {
        "report_date": pl.Date,
        "timing": pl.String,
        "timing_source": pl.String,
        "source": pl.String,
        "anchor": pl.Date,
        "reaction": pl.Date,
        "known_on": pl.Date,
        **dict.fromkeys(
            (
                "gap", "move", "move_5d", "idio_move", "volume_ratio", "iv_pre", "iv_post",
                "iv_crush", "event_sigma", "implied_move", "move_ratio",
            ),
            pl.Float64,
        ),
        "implied_source": pl.String,
        "suspicious": pl.String,
    }
)  # fmt: skip


def _falls(volatility: pl.DataFrame) -> dict[object, float]:
    falls = excess_falls(volatility).drop_nulls().filter(pl.col("excess").is_finite())
    return dict(falls.iter_rows())


def _levels(volatility: pl.DataFrame) -> dict[object, float]:
    levels = volatility.filter(pl.col("iv") > 0.0)
    return dict(levels.select("date", pl.col("iv") / 100.0).iter_rows())


def _closes_like(bars: pl.DataFrame, market: pl.DataFrame | None) -> Floats:
    """The market's closes on the sessions of `bars`, NaN where it has none."""
    if market is None:
        return np.full(bars.height, np.nan)
    closes = market.select("date", _market="close")
    joined = bars.select("date").join(closes, on="date", how="left", maintain_order="left")
    return joined["_market"].fill_null(float("nan")).to_numpy()


def _idio(close: Floats, index: Floats, before: int, after: int) -> float | None:
    """The move less beta times the market's, with the beta of the 60 sessions to the anchor."""
    beta = market_relation(close[: before + 1], index[: before + 1]).beta
    own, market = (series[after] / series[before] - 1.0 for series in (close, index))
    return _known(own - beta * market)


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
