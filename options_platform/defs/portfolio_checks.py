"""The checks of the ledger's views, made by `domain/portfolio_quality.py`."""

from collections.abc import Iterator

import dagster as dg

from options_platform.adapters.portfolio_views import stored_portfolio
from options_platform.defs.resources import Platform
from options_platform.domain.portfolio_quality import PORTFOLIO_RULES


def make_portfolio_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of the account's stored rows; none blocks, for the report must tell of them."""

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
            found = rule.find(views)
            yield dg.AssetCheckResult(
                asset_key=rule.asset,
                check_name=rule.name,
                passed=found.passed,
                metadata={"broken": found.broken, "rows": getattr(views, rule.asset).height}
                | ({"examples": "; ".join(found.examples)} if found.examples else {}),
                description=None if found.passed else f"{found.broken} rows: {rule.description}",
            )

    return [checks]
