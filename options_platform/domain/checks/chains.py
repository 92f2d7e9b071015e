"""Rules about stored option chains as a whole.

A single bad quote is marked by its quality gate and violates no rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from options_platform.contracts import Table
from options_platform.domain.checks.tables import (
    COMMON,
    EACH_SESSION,
    ExpectedPartitions,
    Finding,
    TableRule,
)

CHAIN = ["date", "ticker"]
SHOWN = 5
NOT_QUOTED = ("NONSTANDARD", "EXPIRED")
SOLVER_BOUNDS = (0.001, 9.0)
UNIT_RATIO = 5.0
SAME_IV = 0.25
SMALLEST_THETA = 0.005
SMALLEST_VEGA = 0.01


def chain_rules(min_good_share: float) -> tuple[TableRule, ...]:
    """The rules of `option_chain`: those of its contract, which block, and of its quality.

    Args:
        min_good_share: least fraction of good quotes among a chain's standard, unexpired contracts.
    """
    contract = tuple(rule for rule in COMMON if rule is not EACH_SESSION)
    return (
        *contract,
        TableRule(
            "good_share",
            f"At least {min_good_share:.0%} of each chain's standard contracts have good quotes.",
            lambda _, frame, __: _few_good(frame, min_good_share),
            blocking=False,
        ),
        TableRule(
            "source_iv",
            "The source's implied volatilities of good quotes are not bounds of its solver.",
            _source_iv,
            blocking=False,
        ),
        TableRule(
            "source_units",
            "The source's theta and vega have the same units as the computed ones.",
            _source_units,
            blocking=False,
        ),
    )


def chains_missing(stored: Sequence[tuple[date, str]], expected: ExpectedPartitions) -> Finding:
    """Sessions of the run, from each ticker's first bar on, without a stored chain."""
    stored_chains = set(stored)
    missing = [
        f"{day} {ticker}"
        for day in expected.sessions
        for ticker in expected.tickers
        if (first := expected.first_bars.get(ticker)) is not None
        and day >= first
        and (day, ticker) not in stored_chains
    ]
    return Finding(len(missing), tuple(missing[:SHOWN]))


def good_shares(frame: pl.DataFrame) -> pl.DataFrame:
    """By date and ticker: contracts, good (their number) and share, the fraction of good quotes
    among standard, unexpired contracts."""
    quality = pl.col("quality")
    counted = ~quality.is_in(NOT_QUOTED).fill_null(value=False)
    return (
        frame.group_by(CHAIN)
        .agg(
            contracts=pl.len(),
            good=quality.is_null().sum(),
            share=quality.is_null().sum() / counted.sum(),
        )
        .sort(CHAIN)
    )


def _few_good(frame: pl.DataFrame, least: float) -> Finding:
    shares = good_shares(frame)
    few = shares.filter(~(pl.col("share") >= least).fill_null(value=False))
    shown = few.head(SHOWN).iter_rows(named=True)
    return Finding(
        few.height,
        tuple(f"{row['date']} {row['ticker']} {row['good']}/{row['contracts']}" for row in shown),
    )


def _source_iv(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    low, high = SOLVER_BOUNDS
    bound = frame.filter(
        pl.col("quality").is_null()
        & pl.col("source_iv").is_not_null()
        & ~pl.col("source_iv").is_between(low, high)
    )
    shown = bound.select(*table.key, "source_iv").head(SHOWN).rows()
    return Finding(bound.height, tuple(" ".join(str(part) for part in row) for row in shown))


def _source_units(_: Table, frame: pl.DataFrame, __: ExpectedPartitions) -> Finding:
    # Greeks are comparable only if the volatilities agree.
    close = ((pl.col("source_iv") / pl.col("iv") - 1.0).abs() < SAME_IV).fill_null(value=True)
    good = frame.filter(pl.col("quality").is_null() & close)
    # Sources report a missing greek as exactly zero.
    theta = (pl.col("source_theta") / pl.col("theta")).filter(
        (pl.col("theta").abs() > SMALLEST_THETA) & (pl.col("source_theta") != 0.0)
    )
    vega = (pl.col("source_vega") / pl.col("vega")).filter(
        (pl.col("vega") > SMALLEST_VEGA) & (pl.col("source_vega") != 0.0)
    )
    ratios = good.group_by(CHAIN).agg(theta=theta.median(), vega=vega.median()).sort(CHAIN)
    broken = [
        f"{row['date']} {row['ticker']} {name} is {row[name]:.3g} times ours"
        for row in ratios.iter_rows(named=True)
        for name in ("theta", "vega")
        if row[name] is not None and not 1.0 / UNIT_RATIO <= row[name] <= UNIT_RATIO
    ]
    return Finding(len(broken), tuple(broken[:SHOWN]))


def merged(findings: list[Finding]) -> Finding:
    """The findings of several batches as one."""
    examples = [text for finding in findings for text in finding.examples]
    return Finding(sum(finding.broken for finding in findings), tuple(examples[:SHOWN]))
