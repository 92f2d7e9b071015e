"""Checks what is configured outside of this machine: the broker's account and alert addresses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from options_platform.adapters.notifier import VARIABLE, open_notifier
from options_platform.adapters.ports.broker import BrokerDoubtError, OrderRefusedError
from options_platform.errors import PlatformError
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform.settings import Settings

if TYPE_CHECKING:
    from options_platform.adapters.ports.broker import Broker, BrokerAccount

MOST_SECONDS_APART = 30
SPREADS_LEVEL = 3


def broker_findings(settings: Settings) -> Iterator[Diagnosis]:
    """Whether the broker's package, keys and account are in order, and its clock agrees."""
    name = "broker"
    if settings.broker == "simulated":
        yield Diagnosis(name, Diagnosis.OK, "simulated: fills at the next session's close, no keys")
        return
    try:
        from options_platform.adapters.brokers import open_broker

        broker = open_broker(settings)
        account = broker.account()
        apart = _seconds_apart(broker)
    except BrokerDoubtError as error:
        # Its keys were refused, or nothing answered, which may pass.
        refused = isinstance(error.__cause__, OrderRefusedError)
        advice = "; set the keys of this account" if refused else "; orders wait until it answers"
        state = Diagnosis.BROKEN if refused else Diagnosis.NOTE
        yield Diagnosis(name, state, f"{error}{advice}")
        return
    except PlatformError as error:
        yield Diagnosis(name, Diagnosis.BROKEN, str(error))
        return
    yield _account(settings, account)
    if apart is not None and apart > MOST_SECONDS_APART:
        detail = f"{apart:.0f} s apart from the broker's; switch on time synchronisation (NTP)"
        yield Diagnosis("clock", Diagnosis.BROKEN, detail)


def _account(settings: Settings, account: BrokerAccount) -> Diagnosis:
    kind = "REAL MONEY" if settings.is_live else "paper"
    equity = "" if account.equity_usd is None else f", equity {account.equity_usd:,.2f} USD"
    level = account.options_level
    text = f"{settings.broker} ({kind}): account ...{account.number[-4:]}{equity}"
    if account.blocked:
        return Diagnosis("broker", Diagnosis.BROKEN, f"{text}; the broker has blocked it")
    if level is not None and level < SPREADS_LEVEL:
        detail = f"{text}; options level {level}: apply for level {SPREADS_LEVEL}, for spreads"
        return Diagnosis("broker", Diagnosis.NOTE, detail)
    shown = "" if level is None else f", options level {level}"
    return Diagnosis("broker", Diagnosis.OK, f"{text}{shown}")


def _seconds_apart(broker: Broker) -> float | None:
    clock = broker.clock()
    return None if clock is None else abs((clock.now - datetime.now(UTC)).total_seconds())


def alert_findings() -> Iterator[Diagnosis]:
    """Whether somebody hears of a failed run; nothing is sent."""
    test = "options-platform alerts test"
    try:
        notifier = open_notifier()
    except PlatformError as error:
        yield Diagnosis("alerts", Diagnosis.BROKEN, str(error))
        return
    if notifier is None:
        detail = f"nobody hears of a failed run or a halt; set {VARIABLE}, then run: {test}"
        yield Diagnosis("alerts", Diagnosis.NOTE, detail)
        return
    count = len(notifier.urls)
    addresses = f"{count} address{'es' if count > 1 else ''}"
    yield Diagnosis("alerts", Diagnosis.OK, f"{addresses}; send a test: {test}")
