"""The brokers; a new one is a file in `adapters/brokers/` and a line in `BROKERS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal


@dataclass(frozen=True)
class BrokerEntry:
    """A broker by name; `module` is its file in `adapters/brokers/`, which opens it.

    `live_rules` names the part of the settings that switches real money on, a `LiveRules`; None
    for a broker that only plays. `assigns_as_backtest`: early, by the rule of a backtest; a broker
    with a real market assigns what holders exercise.
    """

    name: str
    module: str
    live_rules: str | None = None
    assigns_as_backtest: bool = False


BROKERS = (
    BrokerEntry("simulated", "simulated", assigns_as_backtest=True),
    BrokerEntry("alpaca", "alpaca", live_rules="alpaca"),
)

BROKER_NAMES = tuple(entry.name for entry in BROKERS)

if TYPE_CHECKING:
    BrokerName = str
else:
    BrokerName = Literal[BROKER_NAMES]


def broker_entry(name: str) -> BrokerEntry:
    """The entry of that name; KeyError if no broker has it."""
    return {entry.name: entry for entry in BROKERS}[name]
