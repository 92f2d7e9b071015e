"""Means of several groups of observations that come in clusters, with intervals and p-values.

A circular block bootstrap over sessions with the same blocks for all groups. Each draw's mean is
divided by its own standard error (bootstrap-t, Hall 1992, The Bootstrap and Edgeworth Expansion):
with a few dozen blocks, the plain quantiles of drawn means are too narrow. The error is that of a
ratio of sums of blocks, so that groups may have any number of observations in a session, or none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from options_platform.common import Floats
from options_platform.domain.statistics.bootstrap import DRAWS, LEVEL

LARGEST = 1e6
"""A drawn statistic without an error of its own counts as this far from zero."""


@dataclass(frozen=True)
class BlockMeans:
    """Means of groups and their studentised draws.

    `mean` and `error`, the standard error, have shape [groups]; `drawn` has the difference of each
    draw's mean to `mean`, over its own error, shape [draws, groups], NaN where a draw has no
    observation of the group.
    """

    mean: Floats
    error: Floats
    drawn: Floats

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """Lower and upper ends at `LEVEL`, shape [groups]; NaN where all observations are equal."""
        tail = (1.0 - LEVEL) / 2.0
        if not self.drawn.shape[1]:
            return self.mean, self.mean
        low, high = np.nanquantile(self._or_zero(), [tail, 1.0 - tail], axis=0)
        is_known = self.error > 0.0
        ends = self.mean - high * self.error, self.mean - low * self.error
        return np.where(is_known, ends[0], np.nan), np.where(is_known, ends[1], np.nan)

    @property
    def p_values(self) -> Floats:
        """Two-sided p-values of a mean of zero, each group alone, shape [groups]; never zero."""
        drawn = np.abs(self._or_zero())
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.where(self.error > 0.0, np.abs(self.mean) / self.error, 0.0)
        return np.asarray((1.0 + np.sum(drawn >= statistic, axis=0)) / (1.0 + len(drawn)))

    @property
    def corrected(self) -> Floats:
        """P-values corrected for all groups: how often luck gives any of them as small a one.

        Single-step minP (Westfall and Young 1993, Resampling-Based Multiple Testing): of p-values
        and not of statistics, so that a group with few and skewed observations, whose statistics
        are large by luck, does not hide what the others show.
        """
        drawn = np.abs(self._or_zero())
        if not drawn.shape[1]:
            return self.mean
        ranks = [len(own) - np.searchsorted(np.sort(own), own, side="left") for own in drawn.T]
        smallest = np.min(ranks, axis=0) / len(drawn)
        own = self.p_values
        return np.asarray((1.0 + np.sum(smallest[:, None] <= own, axis=0)) / (1.0 + len(drawn)))

    def _or_zero(self) -> Floats:
        return np.nan_to_num(self.drawn, nan=0.0)


def block_means(
    sums: Floats, counts: Floats, *, block: int, draws: int = DRAWS, seed: int = 0
) -> BlockMeans:
    """The means of groups of observations, with draws of whole blocks of sessions.

    Args:
        sums: sum of each group's observations in each session, shape [sessions, groups].
        counts: their number, likewise.
        block: sessions a block, at most half of them; blocks wrap around the end.
        draws: number of draws, the same blocks for all groups.
        seed: of the draws.

    Raises:
        ValueError: there are fewer than two blocks.
    """
    sessions = len(sums)
    number = -(-sessions // block)
    if number < 2:
        raise ValueError(f"{sessions} sessions are fewer than two blocks of {block}")
    starts = np.random.default_rng(seed).integers(0, sessions, size=(draws, number))
    of_blocks, count_of_blocks = _sums_from(sums, block), _sums_from(counts, block)
    small = number / (number - 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums.sum(axis=0) / counts.sum(axis=0)
        residual = of_blocks - mean * count_of_blocks
        variance = np.mean(residual**2, axis=0) * number * small
        error = np.sqrt(variance) / counts.sum(axis=0)
        drawn, drawn_counts = of_blocks[starts], count_of_blocks[starts]
        total = drawn_counts.sum(axis=1)
        drawn_mean = drawn.sum(axis=1) / total
        residual = drawn - drawn_mean[:, None] * drawn_counts
        drawn_error = np.sqrt(np.sum(residual**2, axis=1) * small) / total
        statistic = (drawn_mean - mean) / drawn_error
    return BlockMeans(mean, error, np.clip(statistic, -LARGEST, LARGEST))


def _sums_from(values: Floats, block: int) -> Floats:
    """Sums of the block that starts in each session and wraps around the end."""
    padded = np.concatenate([np.zeros_like(values[:1]), values, values[: block - 1]])
    running = np.cumsum(padded, axis=0)
    return np.asarray(running[block:] - running[:-block])
