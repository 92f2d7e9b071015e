"""Asset checks generated from the table contracts by `domain/checks/tables.py`, one step per asset.

Within a run they check the rows of the run's range; launched alone, the whole table. A blocking
rule that fails stops everything downstream in the run.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg
import polars as pl

from options_platform.common import PartitionRange
from options_platform.contracts import OPTION_CHAIN, RAW_OHLCV, VIX, Table
from options_platform.defs.market_data.answers import make_answers_check
from options_platform.defs.market_data.checks import make_market_checks
from options_platform.defs.market_data.earnings_checks import make_earnings_checks
from options_platform.defs.shared.context import run_range
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.checks.tables import ExpectedPartitions, Finding, TableRule, rules_for
from options_platform.formats import count
from options_platform.services.market_data.failed_tickers import withheld
from options_platform.services.market_data.listing import first_bars, unlisted
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import first_date, newest_date
from options_platform.settings import Settings


def make_checks(settings: Settings, tables: Sequence[Table]) -> list[dg.AssetChecksDefinition]:
    """The checks of the assets that fill `tables`; `option_chain` checks itself in its step."""
    return [
        *(_checks_of(table, settings) for table in tables if table is not OPTION_CHAIN),
        make_answers_check(settings),
        *make_market_checks(settings),
        *make_earnings_checks(settings),
    ]


def _checks_of(table: Table, settings: Settings) -> dg.AssetChecksDefinition:
    rules = rules_for(table)

    @dg.multi_asset_check(
        name=f"{table.name}_checks",
        specs=[
            dg.AssetCheckSpec(
                rule.name, asset=table.name, description=rule.description, blocking=rule.blocking
            )
            for rule in rules
        ],
    )
    def checks(
        context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.AssetCheckResult]:
        selected = run_range(context, settings)
        rows, expected = rows_to_judge(table, platform, selected)
        for rule in rules:
            yield check_result(table, rule, rule.find(table, rows, expected), expected)

    return checks


def rows_to_judge(
    table: Table, platform: Platform, selected: PartitionRange | None
) -> tuple[pl.DataFrame, ExpectedPartitions]:
    """The stored rows of the range and its expected partitions; of the whole table if None.

    Tickers whose source has failed are left out: no row of theirs was written.
    """
    settings = platform.settings
    tickers = selected.tickers if selected else settings.tickers
    start = selected.start if selected else first_date(settings)
    end = selected.end if selected else newest_date(settings, platform.now())
    needed = (RAW_OHLCV,) if table is RAW_OHLCV else (RAW_OHLCV, VIX)
    left_out = withheld(platform.warehouse, tickers, end, needed)
    tickers = tuple(ticker for ticker in tickers if ticker not in left_out)
    firsts = first_bars(platform.warehouse, tickers)
    firsts |= dict.fromkeys(unlisted(platform.warehouse, tickers, end), date.max)
    # Events may lie ahead of the newest session.
    until = None if table.is_events else end
    rows = platform.warehouse.read(table, tickers=tickers, start=start, end=until)
    if selected is None and rows.height and not table.is_events:
        end = rows["date"].to_list()[-1]
    return rows, ExpectedPartitions(sessions(start, end), tickers, firsts)


def check_result(
    table: Table, rule: TableRule, finding: Finding, expected: ExpectedPartitions
) -> dg.AssetCheckResult:
    """The finding of a rule as a Dagster check result, with examples of the failing rows."""
    severity = dg.AssetCheckSeverity.ERROR if rule.blocking else dg.AssetCheckSeverity.WARN
    metadata: dict[str, dg.MetadataValue] = {
        "broken": dg.MetadataValue.int(finding.broken),
        "sessions": dg.MetadataValue.int(len(expected.sessions)),
    }
    described = f"not true of {count(finding.broken, 'row')}: {rule.description}"
    if finding.examples:
        metadata["examples"] = dg.MetadataValue.text("; ".join(finding.examples))
        # What stops a run shows them itself.
        if not rule.blocking:
            described += f" First: {finding.examples[0]}"
    return dg.AssetCheckResult(
        asset_key=table.name,
        check_name=rule.name,
        passed=finding.passed,
        severity=severity,
        metadata=metadata,
        description=None if finding.passed else described,
    )
