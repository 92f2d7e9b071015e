"""The checks of the asset `backtest`: its accounting, by `domain/checks/backtest.py`."""

from collections.abc import Iterator

import dagster as dg

from options_platform.contracts import (
    ACCOUNT_SET_SCORES,
    BACKTEST_EQUITY,
    BACKTEST_FILLS,
    BACKTEST_MARKS,
    BACKTEST_TRADES,
)
from options_platform.domain.checks.backtest import BACKTEST_RULES, BacktestTables
from options_platform.formats import count
from options_platform.services.market_data.platform import Platform

ASSET = "backtest"


def make_backtest_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of `backtest`; they cover every stored run."""

    @dg.multi_asset_check(
        name="backtest_checks",
        specs=[
            dg.AssetCheckSpec(
                rule.name, asset=ASSET, description=rule.description, blocking=rule.blocking
            )
            for rule in BACKTEST_RULES
        ],
    )
    def checks(platform: dg.ResourceParam[Platform]) -> Iterator[dg.AssetCheckResult]:
        read = platform.warehouse.read
        stored = (BACKTEST_EQUITY, BACKTEST_TRADES, BACKTEST_MARKS, BACKTEST_FILLS,
                  ACCOUNT_SET_SCORES)  # fmt: skip
        tables = BacktestTables(*(read(table) for table in stored))
        for rule in BACKTEST_RULES:
            finding = rule.find(tables)
            yield dg.AssetCheckResult(
                asset_key=ASSET,
                check_name=rule.name,
                passed=finding.passed,
                severity=dg.AssetCheckSeverity.ERROR
                if rule.blocking
                else dg.AssetCheckSeverity.WARN,
                metadata={"broken": finding.broken, "sessions": tables.equity.height}
                | ({"examples": "; ".join(finding.examples)} if finding.examples else {}),
                description=None
                if finding.passed
                else f"not true of {count(finding.broken, 'row')}: {rule.description}",
            )

    return [checks]
