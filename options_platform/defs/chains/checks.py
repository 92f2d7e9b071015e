"""The checks of `option_chain`, made in its own step: it has no rows where there was no chain."""

from collections.abc import Iterator

import dagster as dg

from options_platform.common import PartitionRange
from options_platform.contracts import OPTION_CHAIN
from options_platform.defs.contract_checks import check_result
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.checks.chains import chain_rules, chains_missing, merged
from options_platform.domain.checks.tables import ExpectedPartitions, Finding, TableRule
from options_platform.services.market_data.listing import first_bars
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import first_date, newest_date
from options_platform.settings import Settings


def chain_check_specs(settings: Settings) -> list[dg.AssetCheckSpec]:
    """What is checked of the stored chains."""
    rules = (*chain_rules(settings.chain_gates.min_good_share), _known(Finding(0)))
    return [
        dg.AssetCheckSpec(
            rule.name, asset=OPTION_CHAIN.name, description=rule.description, blocking=rule.blocking
        )
        for rule in rules
    ]


def judge_stored(
    platform: Platform, selected: PartitionRange | None
) -> Iterator[dg.AssetCheckResult]:
    """The checks of the stored chains of the range; of all of them without one."""
    settings = platform.settings
    start = selected.start if selected else first_date(settings)
    end = selected.end if selected else newest_date(settings, platform.now())
    tickers = selected.tickers if selected else settings.tickers
    asked = ExpectedPartitions(
        sessions(start, end), tickers, first_bars(platform.warehouse, tickers)
    )
    keys = platform.chains.stored(tickers=tickers, start=start, end=end)
    rules = chain_rules(settings.chain_gates.min_good_share)
    found: dict[str, list[Finding]] = {rule.name: [] for rule in rules}
    for batch in platform.chains.batches(keys):
        for rule in rules:
            found[rule.name].append(rule.find(OPTION_CHAIN, batch, asked))
    for rule in rules:
        yield check_result(OPTION_CHAIN, rule, merged(found[rule.name]), asked)
    missing = chains_missing(keys, asked)
    yield check_result(OPTION_CHAIN, _known(missing), missing, asked)


def _known(finding: Finding) -> TableRule:
    return TableRule(
        "chains_known",
        "Each session since the ticker's first bar has a stored option chain; one without is "
        "priced by the model.",
        lambda *_: finding,
        blocking=False,
    )
