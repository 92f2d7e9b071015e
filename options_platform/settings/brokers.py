"""The brokers; a new one is a file in `adapters/brokers/` and a line in `BROKERS`.

One of another package is an entry point in the group `options_platform.brokers` that is a
:class:`BrokerEntry`; it is loaded when the broker is used. It has no part of the settings, so no
switch for real money: it may only trade on paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from options_platform.extensions import by_name, require


@dataclass(frozen=True)
class BrokerEntry:
    """A broker by name; `module` is its file in `adapters/brokers/`, or in `package`: it opens it.

    `live_rules` names the part of the settings that switches real money on, a `LiveRules`; None
    for a broker that only plays. `assigns_as_backtest`: early, by the rule of a backtest; a broker
    with a real market assigns what holders exercise.
    """

    name: str
    module: str
    live_rules: str | None = None
    assigns_as_backtest: bool = False
    package: str = "options_platform.adapters.brokers"


BROKERS = (
    BrokerEntry("simulated", "simulated", assigns_as_backtest=True),
    BrokerEntry("alpaca", "alpaca", live_rules="alpaca"),
)

_BUILTIN = {entry.name: entry for entry in BROKERS}
_DECLARED = by_name("brokers", _BUILTIN)
BROKER_NAMES = (*_BUILTIN, *_DECLARED)

if TYPE_CHECKING:
    BrokerName = str
else:
    BrokerName = Literal[BROKER_NAMES]


def broker_entry(name: str) -> BrokerEntry:
    """The entry of that name; KeyError if no broker has it.

    Raises :class:`SettingsError` for one of another package that cannot be used.
    """
    if name in _BUILTIN:
        return _BUILTIN[name]
    entry: BrokerEntry = require(_DECLARED[name], require_broker)
    return entry


def require_broker(name: str, member: Any) -> None:
    """Raise TypeError or ValueError unless `member` is the entry of a broker of that name."""
    if not isinstance(member, BrokerEntry):
        raise TypeError(f"it is a {type(member).__name__}, not a BrokerEntry")
    if member.name != name:
        raise ValueError(f"the entry is of {member.name}; both names must be the same")
    if member.package == BrokerEntry.package:
        raise ValueError("the entry does not name the package that its module is in")
    if member.live_rules is not None:
        raise ValueError("a broker of another package has no live rules; it trades on paper only")
