"""The columns of the family `cross`, from the sessions of all tickers side by side.

The market is SPY. Series stand in matrices of sessions x tickers, so time and memory grow with the
number of tickers and not with its square: the mean correlation of n stocks comes from the variance
of the sum of their standardised returns, which is n + n (n - 1) x mean correlation, and the
implied one from the square of a weighted sum less the sum of squares.

A ticker is ranked, and counts for others, from the day on which it was a member of the universe.
What it is to the market does not depend on others, so it is computed for every session.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.feature_engine.groups import GroupRules
from options_platform.domain.features.cross_features import CROSS, RANKED
from options_platform.domain.features.table import CROSS_FEATURES_TABLE, family_version

MARKET, WINDOW, LONG_WINDOW = "SPY", 60, 252
YEAR = 252.0
FEWEST_PEERS, FEWEST_RANKED, FEWEST_WEIGHT, FEWEST_SHARE = 3, 5, 0.6, 0.6
RECENT = 5
BLOCK = 64
INPUTS = ("close", "iv", "vix", *(c for c in RANKED.values() if c != "rel_strength_60"))


def universe_id(tickers: Sequence[str]) -> str:
    """A short hash of the list of tickers, in whatever order."""
    return hashlib.sha256(",".join(sorted(tickers)).encode()).hexdigest()[:12]


def universe_ids(days: pl.Series, universe: Sequence[str], since: Mapping[str, date]) -> pl.Series:
    """`universe_id`: for each of `days` that of the tickers which were members on it."""
    bounds = sorted({since[ticker] for ticker in universe if ticker in since})
    ids = [
        universe_id([t for t in universe if t not in since or since[t] <= begun])
        for begun in (date.min, *bounds)
    ]
    joined = pl.Series(bounds, dtype=pl.Date).search_sorted(days, side="right")
    return pl.Series("universe_id", ids, pl.String).gather(joined)


def cross_features(
    rows: pl.DataFrame,
    reactions: pl.DataFrame,
    *,
    universe: Sequence[str],
    funds: Collection[str],
    groups: GroupRules,
    since: Mapping[str, date] | None = None,
) -> pl.DataFrame:
    """One row for each of `rows`, in the schema of the table `cross_features`.

    Args:
        rows: date, ticker and :data:`INPUTS`, whole histories of all tickers: close (null on a bar
            that was set aside), iv (annual fraction, where the ticker has one of its own), vix
            (index points), and columns of `features`.
        reactions: date, ticker, reaction and move: the newest reaction that each close knew.
        universe: the configured tickers.
        funds: tickers that are no stocks; dispersion leaves them out.
        groups: the groups and weights.
        since: the first day of those that have not always been members.
    """
    rows = rows.sort("date", "ticker")
    grid = _Grid(rows, since or {})
    columns = {**_market_columns(grid, reactions), **_peer_columns(grid, reactions, groups)}
    ranked = {name: grid.values(column) for name, column in RANKED.items() if column in INPUTS}
    # The rank of another underlying's index is no rank of the ticker.
    ranked["iv_rank"] = np.where(np.isfinite(grid.values("iv")), ranked["iv_rank"], math.nan)
    ranked["rel_strength_60"] = columns["rel_strength_60"]
    columns |= {f"xs_rank_{name}": _ranks(grid.of_members(v)) for name, v in ranked.items()}
    stocks = np.array([ticker not in funds for ticker in grid.tickers])
    columns["dispersion_60"] = grid.spread(1.0 - _correlation_of_members(grid, stocks))
    corr, weight = _implied_correlation(grid, groups.weights)
    columns |= {"implied_corr": grid.spread(corr), "implied_corr_weight": grid.spread(weight)}
    made = {f.name: pl.Series(grid.column(columns[f.name]), nan_to_null=True) for f in CROSS}
    made["peer_reported_5d"] = made["peer_reported_5d"] == 1.0
    return (
        rows.select("date", "ticker")
        .with_columns(**made)
        .with_columns(
            universe_ids(rows["date"], universe, since or {}),
            family_version=pl.lit(family_version(CROSS)),
        )
        .select(CROSS_FEATURES_TABLE.schema.names())
    )


class _Grid:
    """Columns of the rows as matrices of sessions x tickers, NaN where there is no value."""

    def __init__(self, rows: pl.DataFrame, since: Mapping[str, date]) -> None:
        self.tickers: list[str] = rows["ticker"].unique().sort().to_list()
        self.days = rows["date"].unique().sort()
        at = {ticker: number for number, ticker in enumerate(self.tickers)}
        self._row = rows["date"].rank("dense").to_numpy().astype(np.int64) - 1
        self._ticker = rows["ticker"].replace_strict(at, return_dtype=pl.Int64).to_numpy()
        self._rows = rows
        self.shape = (len(self.days), len(self.tickers))
        days = self.days.to_numpy().astype("datetime64[D]")[:, None]
        begun = [np.datetime64(since.get(ticker, date.min), "D") for ticker in self.tickers]
        self.members = days >= np.array(begun)[None, :]
        logs = np.log(self.values("close"))
        self.returns = np.full(self.shape, math.nan)
        self.returns[1:] = logs[1:] - logs[:-1]

    def values(self, column: str) -> Floats:
        matrix = np.full(self.shape, math.nan)
        matrix[self._row, self._ticker] = (
            self._rows[column].cast(pl.Float64).fill_null(math.nan).to_numpy()
        )
        return matrix

    def of_members(self, matrix: Floats) -> Floats:
        """The matrix without the values of tickers before their membership."""
        return np.where(self.members, matrix, math.nan)

    def column(self, matrix: Floats) -> Floats:
        """The values of the rows, in their order."""
        return np.ascontiguousarray(matrix[self._row, self._ticker])

    def spread(self, by_session: Floats) -> Floats:
        """A value of each session for every ticker."""
        return np.broadcast_to(by_session[:, None], self.shape)

    def market(self, matrix: Floats) -> Floats:
        """The market's column, NaN in a home without it."""
        if MARKET in self.tickers:
            return matrix[:, self.tickers.index(MARKET)]
        return np.full(self.shape[0], math.nan)

    def placed(self, frame: pl.DataFrame, column: str) -> Floats:
        """A column of other rows (date, ticker) as a matrix."""
        joined = self._rows.select("date", "ticker").join(
            frame, on=["date", "ticker"], how="left", maintain_order="left"
        )
        matrix = np.full(self.shape, math.nan)
        matrix[self._row, self._ticker] = (
            joined[column].cast(pl.Float64).fill_null(math.nan).to_numpy()
        )
        return matrix


def growth(values: Floats, sessions: int) -> Floats:
    """v / v[-sessions] - 1 of each column."""
    grown = np.full(values.shape, math.nan)
    grown[sessions:] = values[sessions:] / values[:-sessions] - 1.0
    return grown


def _market_columns(grid: _Grid, reactions: pl.DataFrame) -> dict[str, Floats]:
    market = grid.market(grid.returns)
    close, iv, rank = grid.values("close"), grid.values("iv"), grid.values("iv_rank")
    columns = {name: np.full(grid.shape, math.nan) for name in ("beta_60", "corr_60")}
    columns |= {name: np.full(grid.shape, math.nan) for name in ("idio_vol_60", "beta_252x")}
    hits = _hits(grid, reactions)
    for at in range(grid.shape[1]):
        own = grid.returns[:, at]
        beta, corr, left, _ = _regressions(own, market, WINDOW, WINDOW)
        columns["beta_60"][:, at], columns["corr_60"][:, at] = beta, corr
        columns["idio_vol_60"][:, at] = left
        without = np.where(hits[:, at] == 1.0, math.nan, own)
        fewest = math.ceil(FEWEST_SHARE * LONG_WINDOW)
        long_beta, _, _, rows = _regressions(without, market, LONG_WINDOW, fewest)
        columns["beta_252x"][:, at] = np.where(rows >= fewest, long_beta, math.nan)
    for n in (20, 60):
        columns[f"rel_strength_{n}"] = (1.0 + growth(close, n)) / (
            1.0 + growth(grid.market(close)[:, None], n)
        ) - 1.0
    others = np.array([ticker != MARKET for ticker in grid.tickers])
    columns["iv_over_index"] = np.where(others, iv / (grid.values("vix") / 100.0), math.nan)
    own_rank = np.where(np.isfinite(iv), rank, math.nan)
    columns["iv_rank_spread"] = np.where(
        others, own_rank - grid.market(own_rank)[:, None], math.nan
    )
    return columns


def _regressions(
    own: Floats, market: Floats, window: int, fewest: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Slope, correlation, annualised volatility of the rest, and returns used, by session.

    Windows of `window` returns ending at each session, over those that both have; NaN with fewer
    than `fewest`. Each window is computed from its own rows alone.
    """
    slope, corr, rest, used = (np.full(len(own), math.nan) for _ in range(4))
    both = np.where(np.isfinite(own) & np.isfinite(market), 1.0, 0.0)
    if len(own) <= window:
        return slope, corr, rest, used
    x, y = (np.where(both == 1.0, series, 0.0) for series in (market, own))
    for first in range(1, len(own) - window + 1, BLOCK * 8):
        stop = min(first + BLOCK * 8, len(own) - window + 1)
        part = slice(first, stop + window - 1)
        # Copied row by row, so that a sum does not depend on how many windows there are.
        kept, market_, own_ = (
            np.ascontiguousarray(sliding_window_view(s[part], window)) for s in (both, x, y)
        )
        count = kept.sum(axis=1)
        enough = np.where(count >= fewest, count, math.nan)
        mx, my = market_.sum(axis=1) / enough, own_.sum(axis=1) / enough
        dx, dy = (market_ - mx[:, None]) * kept, (own_ - my[:, None]) * kept
        xx, yy, xy = (dx * dx).sum(axis=1), (dy * dy).sum(axis=1), (dx * dy).sum(axis=1)
        ends = slice(first + window - 1, stop + window - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope[ends] = np.where(xx > 0.0, xy / xx, math.nan)
            corr[ends] = np.where((xx > 0.0) & (yy > 0.0), xy / np.sqrt(xx * yy), math.nan)
            left = dy - slope[ends][:, None] * dx
            rest[ends] = np.sqrt((left * left).sum(axis=1) / (enough - 2.0) * YEAR)
        used[ends] = count
    return slope, np.clip(corr, -1.0, 1.0), rest, used


def _hits(grid: _Grid, reactions: pl.DataFrame) -> Floats:
    """1 on the sessions that reacted to a report, as the close of that session knew."""
    on_day = reactions.filter(pl.col("reaction") == pl.col("date")).with_columns(hit=pl.lit(1.0))
    return grid.placed(on_day.select("date", "ticker", "hit"), "hit")


def _peer_columns(grid: _Grid, reactions: pl.DataFrame, groups: GroupRules) -> dict[str, Floats]:
    returns, ramp = growth(grid.values("close"), 5), growth(grid.values("iv"), 5)
    recent = grid.placed(reactions.filter(pl.col("age") < RECENT), "move")
    moves, reported = _others(grid, groups.peers, recent)
    has_peers = _others(grid, groups.peers, grid.values("close"))[1] > 0.0
    return {
        "sector_ret_5": _mean(_others(grid, groups.sectors, returns), FEWEST_PEERS),
        "peer_ret_5": _mean(_others(grid, groups.peers, returns), FEWEST_PEERS),
        "peer_iv_change_5": _mean(_others(grid, groups.peers, ramp), FEWEST_PEERS),
        "peer_reported_5d": np.where(has_peers, (reported > 0.0).astype(np.float64), math.nan),
        "peer_move": _mean((moves, reported), 1),
    }


def _mean(sums: tuple[Floats, Floats], fewest: int) -> Floats:
    total, count = sums
    return total / np.where(count >= fewest, count, math.nan)


def _others(grid: _Grid, group_of: Mapping[str, str], values: Floats) -> tuple[Floats, Floats]:
    """By ticker the sum and number of the values of the other members of its group.

    The group's sum less the ticker's own value, so that a group costs as much as its members.
    """
    have = np.isfinite(values) & grid.members
    filled = np.where(have, values, 0.0)
    total, count = np.zeros(grid.shape), np.zeros(grid.shape)
    for group in sorted({group_of[t] for t in grid.tickers if t in group_of}):
        members = [at for at, t in enumerate(grid.tickers) if group_of.get(t) == group]
        sums, counts = np.zeros(grid.shape[0]), np.zeros(grid.shape[0])
        # One after the other: a row then has the same sum however many rows there are.
        for at in members:
            sums, counts = sums + filled[:, at], counts + have[:, at]
        for at in members:
            total[:, at], count[:, at] = sums - filled[:, at], counts - have[:, at]
    return total, count


def _ranks(values: Floats) -> Floats:
    """(rank - 1) / (n - 1) of each row's values, ties share their mean; NaN below 5 values."""
    ranks = np.full(values.shape, math.nan)
    have = np.isfinite(values)
    for row in np.flatnonzero(have.sum(axis=1) >= FEWEST_RANKED):
        present = values[row, have[row]]
        ordered = np.sort(present)
        low = np.searchsorted(ordered, present, "left")
        high = np.searchsorted(ordered, present, "right")
        ranks[row, have[row]] = (low + high - 1.0) / 2.0 / (present.size - 1.0)
    return ranks


def _correlation_of_members(grid: _Grid, stocks: NDArray[np.bool_]) -> Floats:
    """The mean correlation of the stocks that are members by session, with all their returns."""
    members = grid.members[:, stocks]
    changes = np.flatnonzero((members[1:] != members[:-1]).any(axis=1)) + 1
    bounds = [0, *changes.tolist(), len(members)]
    found = np.full(len(members), math.nan)
    for first, stop in pairwise(bounds):
        begun = max(0, first - WINDOW + 1)
        part = grid.returns[begun:stop][:, np.flatnonzero(stocks)[members[first]]]
        found[first:stop] = mean_correlation(part)[first - begun :]
    return found


def mean_correlation(returns: Floats, window: int = WINDOW) -> Floats:
    """The mean pairwise correlation of the columns by session, over `window` returns.

    From the variance of the sum of standardised returns; only columns with every return of the
    window, and a deviation, take part. NaN with fewer than two.
    """
    found = np.full(len(returns), math.nan)
    if returns.shape[1] < 2:
        return found
    for first in range(0, len(returns) - window + 1, BLOCK):
        stop = min(first + BLOCK, len(returns) - window + 1)
        part = returns[first : stop + window - 1]
        windows = np.ascontiguousarray(sliding_window_view(part, window, axis=0))
        centred = windows - windows.mean(axis=2, keepdims=True)
        deviation = np.sqrt((centred * centred).sum(axis=2, keepdims=True) / (window - 1.0))
        whole = np.isfinite(deviation) & (deviation > 0.0)
        total = np.divide(centred, deviation, out=np.zeros_like(centred), where=whole).sum(axis=1)
        count = whole.sum(axis=(1, 2)).astype(np.float64)
        variance = (total * total).sum(axis=1) / (window - 1.0)
        pairs = np.where(count >= 2.0, count * (count - 1.0), math.nan)
        found[first + window - 1 : stop + window - 1] = (variance - count) / pairs
    correlation: Floats = np.clip(found, -1.0, 1.0)
    return correlation


def _implied_correlation(grid: _Grid, weights: Mapping[str, float]) -> tuple[Floats, Floats]:
    """The implied correlation by session, and the share of the weight that it rests on."""
    iv = grid.values("iv")
    index = grid.market(iv)
    weight = np.array([0.0 if t == MARKET else weights.get(t, 0.0) for t in grid.tickers])
    have = (np.isfinite(iv) & grid.members) * weight
    total = have.sum(axis=1)
    if not weight.any():
        return np.full(grid.shape[0], math.nan), np.full(grid.shape[0], math.nan)
    share = np.minimum(total, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = have / total[:, None] * np.nan_to_num(iv)
        own = (parts * parts).sum(axis=1)
        corr = (index * index - own) / (parts.sum(axis=1) ** 2 - own)
    enough = (share >= FEWEST_WEIGHT) & ((have > 0.0).sum(axis=1) >= 2)
    return np.where(enough & np.isfinite(corr), corr, math.nan), share
