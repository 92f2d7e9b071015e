"""Plans every rule set for the newest session and records the plans before the next open.

A set is planned by the code and the inputs of `trade_plan`, whether or not it sends orders. What
comes late, and any older session, is not recorded, whatever this machine's clock says.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

from options_platform.adapters.storage.forward_record import ForwardRecord
from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.earnings.trade_rules import EarningsTradeRules
from options_platform.domain.forward.coverage import may_record
from options_platform.domain.forward.links import Content, Link, plain_rows
from options_platform.domain.planning.expiries import ChainOf
from options_platform.domain.planning.plan import build_plans
from options_platform.errors import ForwardRecordError, PlatformError
from options_platform.services.forward.evidence import known_since
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.stored_chains import stored_chains
from options_platform.services.planning.plan_inputs import plan_inputs, require_premium_features
from options_platform.settings import Settings
from options_platform.settings.rule_sets import active_rule_set, rule_set_names, rules_digest

if TYPE_CHECKING:
    from pydantic import TypeAdapter


LATE = "another session is the newest one by now, or its next open has passed"
CLOCK = "{known}, so its next open has passed; set this machine's clock right"


@dataclass(frozen=True)
class Recorded:
    """What a run has recorded: the new links, the newest one of the chain (None of an empty one),
    and by set why it could not be planned. `not_recorded` says why nothing was, None otherwise."""

    links: Sequence[Link]
    head: Link | None
    failures: dict[str, str]
    not_recorded: str | None = None


def forward_record(settings: Settings) -> ForwardRecord:
    """The forward record of the home."""
    return ForwardRecord(settings.forward_record_path, settings.warehouse_wait_seconds)


def record_session(platform: Platform, session: date) -> Recorded:
    """Plan every rule set for `session`, and record the plans unless they come late.

    A set that cannot be read or planned is recorded as that, and does not stop the others.

    Raises :class:`IncompleteDataError` if the inputs of plans are missing, and what
    :meth:`ForwardRecord.append` raises.
    """
    settings = platform.settings
    record = forward_record(settings)
    if not may_record(session, platform.now()):
        return Recorded((), record.read().head, {}, LATE)
    tickers = settings.tickers
    inputs = plan_inputs(platform.warehouse, tickers, session, session, earnings=settings.earnings)
    if inputs.is_empty():
        return Recorded((), record.read().head, {}, f"no ticker has a bar of {session}")
    if (known := known_since(platform, session)) is not None:
        return Recorded((), record.read().head, {}, CLOCK.format(known=known))
    chain_of = stored_chains(platform.chains, tickers, session, session)
    contents = [
        _content(platform, name, session, inputs, chain_of)
        for name in rule_set_names(settings.home)
    ]
    links = record.append(contents, platform.now)
    failures = {content.rule_set: content.failure for content in contents if content.failure}
    is_late = not links and not may_record(session, platform.now())
    return Recorded(links, record.read().head, failures, LATE if is_late else None)


def _content(
    platform: Platform, name: str, session: date, inputs: pl.DataFrame, chain_of: ChainOf
) -> Content:
    try:
        return planned(platform, platform.settings.alone(name), session, inputs, chain_of)
    except PlatformError as error:
        return Content(session, name, failure=str(error))
    except Exception as error:
        # Whatever a user's set brings about, the other sets are recorded tonight.
        logging.getLogger("options_platform").exception("rule set %s cannot be planned", name)
        return Content(session, name, failure=f"{type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no message"])[0]


def planned(
    platform: Platform,
    settings: Settings,
    session: date,
    inputs: pl.DataFrame,
    chain_of: ChainOf | None,
) -> Content:
    """What the rules of `settings` plan for one session, from the inputs of plans.

    Raises :class:`IncompleteDataError` if features that the rules ask are not stored.
    """
    require_premium_features(
        platform.warehouse, settings.tickers, session, session, [settings.plan]
    )
    plans, legs = build_plans(inputs, with_fits(settings, platform.warehouse).plan, chain_of)
    return Content(
        session=session,
        rule_set=settings.rule_set,
        version=active_rule_set(settings).version,
        digest=rules_digest(settings),
        trading=plain_rules(settings.backtest_rules),
        plans=plain_rows(plans, TRADE_PLAN),
        legs=plain_rows(legs, TRADE_PLAN_LEGS),
    )


def plain_rules(rules: BacktestRules) -> dict[str, Any]:
    """Rules of trading as plain values; what chains have taught the surface is not among them."""
    values: dict[str, Any] = _rules().dump_python(rules, mode="json")
    if rules.earnings_trades == EarningsTradeRules():
        # A set that trades no report is recorded as before there were such trades.
        values.pop("earnings_trades")
    return values


def read_rules(values: Any) -> BacktestRules:
    """The rules of trading that :func:`plain_rules` has made plain.

    Those that were recorded before there was a blackout had none. Raises
    :class:`ForwardRecordError` for values that this version cannot read.
    """
    if isinstance(values, Mapping) and "blackout" not in values:
        values = {**values, "blackout": {"mode": "off"}}
    try:
        return _rules().validate_python(values)
    except ValueError as error:
        raise ForwardRecordError(
            f"the recorded rules of trading cannot be read by this version ({_first_line(error)}); "
            "look at the result with the version that the link names"
        ) from error


@cache
def _rules() -> TypeAdapter[BacktestRules]:
    """Built once: it costs more than all that is read with it."""
    from pydantic import TypeAdapter

    return TypeAdapter(BacktestRules)
