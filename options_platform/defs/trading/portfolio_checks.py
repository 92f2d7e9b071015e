"""The checks of the account: its views (`domain/checks/portfolio.py`), ledger against broker."""

from collections.abc import Iterator

import dagster as dg

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.contracts import PAPER_ORDERS
from options_platform.domain.checks.portfolio import PORTFOLIO_RULES
from options_platform.formats import count
from options_platform.services.accounting.portfolio_views import stored_portfolio
from options_platform.services.market_data.platform import Platform


def make_portfolio_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of the account; none blocks, so that the report can show their findings."""

    @dg.multi_asset_check(
        name="portfolio_checks",
        specs=[
            dg.AssetCheckSpec(rule.name, asset=rule.asset, description=rule.description)
            for rule in PORTFOLIO_RULES
        ],
    )
    def checks(platform: dg.ResourceParam[Platform]) -> Iterator[dg.AssetCheckResult]:
        views = stored_portfolio(platform.warehouse, platform.settings.account)
        for rule in PORTFOLIO_RULES:
            finding = rule.find(views)
            yield dg.AssetCheckResult(
                asset_key=rule.asset,
                check_name=rule.name,
                passed=finding.passed,
                metadata={"broken": finding.broken, "rows": getattr(views, rule.asset).height}
                | ({"examples": "; ".join(finding.examples)} if finding.examples else {}),
                description=None
                if finding.passed
                else f"{count(finding.broken, 'row')}: {rule.description}",
            )

    return [checks, _make_reconciled()]


def _make_reconciled() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=PAPER_ORDERS.name,
        description="ledger and broker agreed when last compared; while they differ, no new "
        "position is opened",
    )
    def reconciled(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
        ledger = open_ledger(platform.settings)
        differences = ledger.differences() if ledger.exists else []
        return dg.AssetCheckResult(
            passed=not differences,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"differences": len(differences)},
            description="; ".join(f"{d.code}: {d.text}" for d in differences) or None,
        )

    return reconciled
