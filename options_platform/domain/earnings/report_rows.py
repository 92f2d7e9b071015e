"""The columns of the family `earnings`, one ticker at a time, from what each close knew.

1. The view of each session: the next report and the past ones (`known_sessions`).
2. Volatility without reactions, over runs of sessions that agree on the past.
3. Past moves, computed once for each set of eight reports.
4. What the stored chain of a session prices for the next report.

Time and memory grow with the number of tickers and not faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Protocol

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.earnings.calibration import STOCK_VOL
from options_platform.domain.earnings.chain_events import event_variance
from options_platform.domain.earnings.crush import sigma_from_crush
from options_platform.domain.earnings.event_variance import event_share, vol_without
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.known_sessions import Past, SessionView, views, vintages
from options_platform.domain.earnings.moves import EVENTS, mean_move, rms_move
from options_platform.domain.earnings.record import CONFIRMED, ESTIMATED, PROJECTED
from options_platform.domain.earnings.stock_iv import vol_without_reactions
from options_platform.domain.earnings.straddles import implied_move
from options_platform.domain.features.report_features import EARNINGS
from options_platform.domain.features.table import EARNINGS_FEATURES_TABLE, family_version


class Chain(Protocol):
    """Gives the stored chain of a session and ticker; None without one."""

    def __call__(self, day: date, ticker: str) -> pl.DataFrame | None:
        """The good and bad quotes of the chain."""
        ...


CODES = {CONFIRMED: 3, ESTIMATED: 2, PROJECTED: 1}
MONTH = timedelta(days=30)
WINDOWS, BASE_WINDOWS = (5, 20, 22, 66, 252), (20, 60)
RANK_VALUES = 252
FEWEST_RATIOS, BEFORE_REPORT, AFTER_REPORT = 4, 10, 20
Columns = dict[str, list[Any]]
Move = tuple[date, date, float, float]
"""Anchor, reaction, move and gap of a past report."""


def earnings_features(
    bars: pl.DataFrame,
    own_iv: pl.DataFrame,
    known: Mapping[str, KnownDates],
    chain: Chain,
) -> pl.DataFrame:
    """One row for each of `bars`, in the schema of the table `earnings_features`.

    Args:
        bars: date, ticker, open, close of whole histories; a bar that was set aside has no close.
        own_iv: date, ticker and `iv` (annual fraction) where a ticker has one of its own, and
            `is_modelled` where that is a model's: its fall prices no report.
        known: the dates known of each ticker's reports; a ticker without is a fund and gets nulls.
        chain: gives the stored chain of a session.
    """
    parts = [EARNINGS_FEATURES_TABLE.empty()]
    names = EARNINGS_FEATURES_TABLE.schema.names()
    for (ticker,), rows in bars.sort("ticker", "date").group_by("ticker", maintain_order=True):
        columns: Columns = {"date": rows["date"].to_list(), "ticker": [ticker] * rows.height}
        if ticker in known:
            iv = own_iv.filter(pl.col("ticker") == ticker)
            levels = dict(iv.select("date", "iv").drop_nulls().iter_rows())
            quoted = not iv["is_modelled"].any() if "is_modelled" in iv.columns else True
            of_ticker = _Ticker(rows, levels, known[str(ticker)], quoted=quoted)
            columns |= of_ticker.columns(partial(chain, ticker=str(ticker)))
        nulls = [None] * rows.height
        version = [family_version(EARNINGS)] * rows.height
        columns = {n: columns.get(n, nulls) for n in names} | {"family_version": version}
        parts.append(
            pl.DataFrame(columns, schema=EARNINGS_FEATURES_TABLE.schema, strict=False).fill_nan(
                None
            )
        )
    return pl.concat(parts).sort("date", "ticker")


class _Ticker:
    """The series of one ticker, and what each of its closes knew."""

    def __init__(
        self, rows: pl.DataFrame, iv: Mapping[date, float], known: KnownDates, *, quoted: bool
    ) -> None:
        self.days: list[date] = rows["date"].to_list()
        self.at = {day: row for row, day in enumerate(self.days)}
        self.close: Floats = rows["close"].cast(pl.Float64).fill_null(math.nan).to_numpy()
        self.open: Floats = rows["open"].cast(pl.Float64).fill_null(math.nan).to_numpy()
        self.iv: Floats = np.array([iv.get(day, math.nan) for day in self.days])
        self.iv_is_quoted = quoted
        self.seen: list[SessionView] = views(known, self.days)
        self.vols = self._vols()
        self._of_past: dict[Past, tuple[list[Move], dict[str, float | None]]] = {}
        self._ratio_of_past: dict[Past, float | None] = {}

    def columns(self, chain: Callable[[date], pl.DataFrame | None]) -> Columns:
        """The feature columns by name, one value a session."""
        priced = [self._priced(row, chain) for row in range(len(self.days))]
        by_day = {
            day: each["implied_move"]
            for day, each, seen in zip(self.days, priced, self.seen, strict=True)
            if seen.days_to == 0 and each.get("implied_move")
        }
        rows = [
            self._dates(row)
            | self._past(row)[1]
            | each
            | self._ratios(row, each, by_day)
            | self._prices(row)
            for row, each in enumerate(priced)
        ]
        columns: Columns = {f.name: [r.get(f.name) for r in rows] for f in EARNINGS}
        columns |= {f"hv_{n}x": self.vols[n].tolist() for n in WINDOWS}
        columns["iv_rank_ex"] = _rank(columns["iv_ex_earnings"])
        for n in (5, 20):
            ramp = np.full(len(self.days), math.nan)
            ramp[n:] = self.iv[n:] / self.iv[:-n] - 1.0
            columns[f"iv_ramp_{n}"] = ramp.tolist()
        return columns

    def _vols(self) -> dict[int, Floats]:
        """Volatility without reactions by window, over the good bars; NaN on others."""
        good = np.flatnonzero(np.isfinite(self.close))
        returns = np.full(good.size, math.nan)
        returns[1:] = np.diff(np.log(self.close[good]))
        vols = {n: np.full(len(self.days), math.nan) for n in {*WINDOWS, *BASE_WINDOWS}}
        for first, stop, past in vintages(self.days, self.seen):
            reactions = {reaction for _, reaction in past}
            hit = np.array([float(self.days[row] in reactions) for row in good])
            inside = (good >= first) & (good < stop)
            for n, vol in vols.items():
                # The first bar has no return: n returns need n + 1 bars.
                vol[good[1:][inside[1:]]] = vol_without_reactions(returns[1:], hit[1:], n)[
                    inside[1:]
                ]
        return vols

    def _dates(self, row: int) -> dict[str, Any]:
        seen, day = self.seen[row], self.days[row]
        coming = seen.next
        return {
            "days_to_earnings": seen.days_to,
            "days_since_earnings": seen.days_since,
            "earnings_in_30d": None if coming is None else coming.anchor < day + MONTH,
            "earnings_status_code": None if coming is None else CODES.get(coming.status),
        }

    def _past(self, row: int) -> tuple[list[Move], dict[str, float | None]]:
        """The past moves that a session knew, and the features of the last eight."""
        past = self.seen[row].past
        if past not in self._of_past:
            moves = self._moves(past)
            self._of_past[past] = moves, _history_of(moves[-EVENTS:])
        return self._of_past[past]

    def _moves(self, past: Past) -> list[Move]:
        """The reports that have both closes, in order."""
        found: dict[date, Move] = {}
        for anchor, reaction in reversed(past):
            before, after = self.at.get(anchor), self.at.get(reaction)
            if before is None or after is None or reaction in found:
                continue
            move = float(self.close[after] / self.close[before] - 1.0)
            if math.isfinite(move):
                gap = float(self.open[after] / self.close[before] - 1.0)
                found[reaction] = (anchor, reaction, move, gap)
        return list(found.values())[::-1]

    def _priced(
        self, row: int, chain: Callable[[date], pl.DataFrame | None]
    ) -> dict[str, float | None]:
        """What the chain of the session says of the next report, and what follows from its IV."""
        coming, day = self.seen[row].next, self.days[row]
        quotes = None if coming is None else chain(day)
        iv = float(self.iv[row])
        soon = coming is not None and coming.anchor < day + MONTH
        priced: dict[str, float | None] = {}
        if coming is not None and quotes is not None:
            base = min(float(self.vols[n][row]) for n in BASE_WINDOWS)
            variance = event_variance(quotes, day, coming.reaction, base)
            priced["straddle_pct"] = straddle_after(quotes, coming.reaction)
            if variance is not None:
                priced |= {"event_var": variance, "implied_move": implied_move(variance)}
        event_var = priced.get("event_var")
        if math.isfinite(iv) and iv > 0.0:
            if coming is not None and not soon:
                priced["iv_ex_earnings"] = iv
            elif event_var is not None:
                priced["event_var_share"] = event_share(event_var, iv)
                priced["iv_ex_earnings"] = vol_without(iv, event_var)
            elif soon and (rms := self._past(row)[1].get("hist_move_rms_8")) is not None:
                # An index or a model holds the variance of a report as the calibration found it.
                priced["iv_ex_earnings"] = vol_without(iv, STOCK_VOL.event_factor * rms * rms)
        return priced

    def _ratios(
        self, row: int, priced: Mapping[str, float | None], by_day: Mapping[date, float | None]
    ) -> dict[str, float]:
        past = self.seen[row].past
        if past not in self._ratio_of_past:
            self._ratio_of_past[past] = self._move_ratio(self._past(row)[0], by_day)
        found, ratio = {}, self._ratio_of_past[past]
        if ratio is not None:
            found["move_ratio_8"] = ratio
        mean = self._past(row)[1].get("hist_move_mean_8")
        if priced.get("implied_move") is not None and mean:
            found["implied_over_hist"] = float(priced["implied_move"] or 0.0) / mean
        return found

    def _move_ratio(
        self, moves: Sequence[Move], by_day: Mapping[date, float | None]
    ) -> float | None:
        """The mean of the last eight moves / what was priced for each; None with too few."""
        ratios = []
        for anchor, reaction, move, _ in moves:
            implied = by_day.get(anchor) or self._implied_by_fall(anchor, reaction)
            if implied:
                ratios.append(abs(move) / implied)
        return float(np.mean(ratios[-EVENTS:])) if len(ratios) >= FEWEST_RATIOS else None

    def _implied_by_fall(self, anchor: date, reaction: date) -> float | None:
        """The move that the fall of own implied volatility at the reaction had priced."""
        if not self.iv_is_quoted:
            return None
        sigma = sigma_from_crush(float(self.iv[self.at[anchor]]), float(self.iv[self.at[reaction]]))
        return implied_move(sigma * sigma) if sigma > 0.0 else None

    def _prices(self, row: int) -> dict[str, float]:
        seen, found = self.seen[row], {}
        if seen.days_to is not None and seen.days_to <= BEFORE_REPORT and row >= 20:
            found["pre_report_run_20"] = float(self.close[row] / self.close[row - 20] - 1.0)
        if seen.days_since is not None and seen.days_since <= AFTER_REPORT:
            reaction = self.at.get(seen.past[-1][1])
            if reaction is not None:
                found["post_drift"] = float(self.close[row] / self.close[reaction] - 1.0)
        return found


def _rank(values: list[float | None]) -> list[float | None]:
    """The rank of each value among the last 252 values, null before them and if all are equal."""
    ranks: list[float | None] = [None] * len(values)
    known = [row for row, value in enumerate(values) if value is not None]
    if len(known) < RANK_VALUES:
        return ranks
    series: Floats = np.array([values[row] for row in known], dtype=np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(series, RANK_VALUES)
    low, high = windows.min(axis=1), windows.max(axis=1)
    for row, value, least, most in zip(
        known[RANK_VALUES - 1 :], series[RANK_VALUES - 1 :], low, high, strict=True
    ):
        ranks[row] = float((value - least) / (most - least)) if most > least else None
    return ranks


def _history_of(events: list[Move]) -> dict[str, float | None]:
    if len(events) < EVENTS:
        return {}
    moves = np.array([move for _, _, move, _ in events])
    shares = [min(max(g / m, -1.0), 2.0) for _, _, m, g in events if m != 0.0 and math.isfinite(g)]
    return {
        "hist_move_mean_8": mean_move(moves),
        "hist_move_median_8": float(np.median(np.abs(moves))),
        "hist_move_max_8": float(np.abs(moves).max()),
        "hist_move_rms_8": rms_move(moves),
        "hist_gap_share_8": float(np.mean(shares)) if shares else None,
        "hist_up_8": float(np.mean(moves > 0.0)),
    }


def straddle_after(chain: pl.DataFrame, reaction: date) -> float | None:
    """The straddle of the first expiry that knows the report / forward; None without quotes."""
    good = chain.filter(
        pl.col("quality").is_null() & (pl.col("mid") > 0.0) & (pl.col("expiry") >= reaction)
    )
    good = good.filter(pl.col("expiry") == pl.col("expiry").min())
    calls, puts = (good.filter(pl.col("right") == right) for right in ("call", "put"))
    rows = calls.join(puts, on="strike", suffix="_put").sort("strike")
    if rows.is_empty():
        return None
    near = rows.sort((pl.col("mid") - pl.col("mid_put")).abs(), maintain_order=True).row(
        0, named=True
    )
    forward = near["strike"] + near["mid"] - near["mid_put"]
    at = rows.sort((pl.col("strike") - forward).abs(), maintain_order=True).row(0, named=True)
    return float((at["mid"] + at["mid_put"]) / forward)
