"""Checks of `raw_ohlcv` that need more than the run's rows: its history, or a second source.

None of them blocks; they warn.
"""

from collections.abc import Callable, Iterator

import dagster as dg
import polars as pl

from options_platform.common import PartitionRange
from options_platform.contracts import RAW_OHLCV
from options_platform.contracts.renamed import renamed_note
from options_platform.defs.shared.context import run_range
from options_platform.domain.checks.tables import Finding
from options_platform.domain.market.corporate_actions import adjusted_throughout, adjustment_gaps
from options_platform.domain.market.coverage import freshness
from options_platform.domain.market.cross_source import compare_closes
from options_platform.errors import PlatformError
from options_platform.formats import count
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import first_date, newest_date
from options_platform.services.market_data.unknown_actions import without_actions
from options_platform.settings import Settings

SHOWN = 5
Check = Callable[[Platform, PartitionRange, pl.DataFrame], Finding]


def make_market_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks; `cross_source` only if the settings name a second source."""
    checks = CHECKS if settings.second_source else {k: CHECKS[k] for k in CHECKS if k != CROSS}

    @dg.multi_asset_check(
        name="raw_ohlcv_history",
        specs=[
            dg.AssetCheckSpec(name, asset=RAW_OHLCV.name, description=description)
            for name, (description, _) in checks.items()
        ],
    )
    def raw_ohlcv_history(
        context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.AssetCheckResult]:
        selected = run_range(context, settings) or PartitionRange(
            first_date(settings), newest_date(settings, platform.now()), settings.tickers
        )
        bars = platform.warehouse.read(RAW_OHLCV, tickers=selected.tickers, end=selected.end)
        for name, (description, find) in checks.items():
            yield _result(name, description, find(platform, selected, bars))

    return [raw_ohlcv_history]


def _fresh(_: Platform, selected: PartitionRange, bars: pl.DataFrame) -> Finding:
    behind = freshness(bars, selected.tickers, selected.end).filter(
        pl.col("sessions_behind").is_null() | (pl.col("sessions_behind") > 0)
    )
    shown = tuple(
        f"{ticker} ends {last} ({count(late, 'session')} behind {selected.end})"
        f"{renamed_note(ticker)}"
        if last
        else f"{ticker}: no bars"
        for ticker, last, late, _ in behind.rows()
    )
    return Finding(behind.height, shown[:SHOWN])


def _adjusted_closes(_: Platform, selected: PartitionRange, bars: pl.DataFrame) -> Finding:
    gaps = adjustment_gaps(bars).filter(pl.col("date").is_between(selected.start, selected.end))
    shown = tuple(f"{ticker} {day}: {gap}" for day, ticker, gap in gaps.head(SHOWN).rows())
    return Finding(gaps.height, shown)


def _as_traded(platform: Platform, _: PartitionRange, bars: pl.DataFrame) -> Finding:
    # The prices of a proxy source were never traded, so the check does not apply.
    adjusted = [] if platform.source().info.proxy else adjusted_throughout(bars)
    return Finding(
        len(adjusted), tuple(f"{t}: open to close are adjusted for dividends" for t in adjusted)
    )


def _actions_known(platform: Platform, selected: PartitionRange, bars: pl.DataFrame) -> Finding:
    """Said once, by the run that stores a stock's first bar, and from then on by `doctor`."""
    settings = platform.settings
    lines = without_actions(bars.filter(pl.col("date") >= selected.start), settings)
    begun = bars.group_by("ticker").agg(first=pl.col("date").min())
    new = set(begun.filter(pl.col("first") >= selected.start)["ticker"])
    shown = tuple(line for ticker, line in lines.items() if ticker in new)
    return Finding(len(shown), shown[:SHOWN])


def _cross_source(platform: Platform, selected: PartitionRange, bars: pl.DataFrame) -> Finding:
    second = platform.second_source()
    if second is None:
        return Finding(0)
    broken, shown = 0, []
    for ticker in selected.tickers:
        stored = bars.filter((pl.col("ticker") == ticker) & (pl.col("date") >= selected.start))
        try:
            other = second.bars(ticker, selected.start, selected.end)
        except PlatformError as error:
            broken += 1
            shown.append(f"{ticker} cannot be compared: {error}")
            continue
        compared = compare_closes(stored, other, platform.settings.cross_source_tolerance)
        broken += compared.beyond.height + len(compared.missing_days)
        if compared.beyond.height:
            days = ", ".join(
                f"{d} {100 * gap:.2f}%" for d, _, _, gap in compared.beyond.head(3).rows()
            )
            shown.append(
                f"{ticker}: {compared.beyond.height} of {compared.days} closes differ from "
                f"{second.info.name}, e.g. {days}"
            )
        if compared.missing_days:
            days = count(len(compared.missing_days), "day")
            shown.append(f"{ticker}: {second.info.name} has no close on {days}")
    return Finding(broken, tuple(shown))


CROSS = "cross_source"
CHECKS: dict[str, tuple[str, Check]] = {
    "fresh": ("Each ticker has bars up to the newest session.", _fresh),
    "adjusted_closes": ("Adjusted closes match the known dividends.", _adjusted_closes),
    "as_traded": ("Prices are adjusted only for splits.", _as_traded),
    "actions_known": ("Dividends and splits of each stock are known.", _actions_known),
    CROSS: ("Closes agree with the second source.", _cross_source),
}


def _result(name: str, description: str, finding: Finding) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue] = {"broken": dg.MetadataValue.int(finding.broken)}
    if finding.examples:
        metadata["examples"] = dg.MetadataValue.text("; ".join(finding.examples))
    return dg.AssetCheckResult(
        asset_key=RAW_OHLCV.name,
        check_name=name,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=None if finding.passed else f"{description} {'; '.join(finding.examples)}",
    )
