"""Checks of `earnings` that need bars, volatility or the requests: none of them blocks."""

from collections.abc import Iterator

import dagster as dg

from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS, RAW_OHLCV, VIX
from options_platform.defs.shared.context import run_range
from options_platform.domain.checks.tables import Finding
from options_platform.domain.earnings.date_faults import FEWEST_DAYS, MOST_DAYS
from options_platform.services.market_data.earnings_checks import (
    doubtful_reports,
    outdated,
    reports_not_apart,
    reports_off_sessions,
)
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import first_date, newest_date
from options_platform.settings import Settings

CHECKS = {
    "reports_on_sessions": ("Each report is on a New York session.", reports_off_sessions),
    "reports_apart": (
        f"Reports of a ticker are {FEWEST_DAYS} to {MOST_DAYS} calendar days apart.",
        reports_not_apart,
    ),
    "fresh": ("The answer about each ticker's reports is new.", outdated),
    "dates_fit_trading": (
        "The session after each report is the one that reacted.",
        doubtful_reports,
    ),
}


def make_earnings_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks of `earnings` against bars, volatility and requests."""

    @dg.multi_asset_check(
        name="earnings_history",
        specs=[
            dg.AssetCheckSpec(
                name,
                asset=EARNINGS.name,
                description=description,
                additional_deps=[RAW_OHLCV.name, VIX.name],
            )
            for name, (description, _) in CHECKS.items()
        ],
    )
    def earnings_history(
        context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.AssetCheckResult]:
        selected = run_range(context, settings) or PartitionRange(
            first_date(settings), newest_date(settings, platform.now()), settings.tickers
        )
        for name, (description, find) in CHECKS.items():
            yield _result(name, description, find(platform, selected))

    return [earnings_history]


def _result(name: str, description: str, finding: Finding) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue] = {"broken": dg.MetadataValue.int(finding.broken)}
    if finding.examples:
        metadata["examples"] = dg.MetadataValue.text("; ".join(finding.examples))
    return dg.AssetCheckResult(
        asset_key=EARNINGS.name,
        check_name=name,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=None if finding.passed else f"{description} {'; '.join(finding.examples)}",
    )
