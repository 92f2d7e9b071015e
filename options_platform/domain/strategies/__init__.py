"""The strategies; a new one is a file here and a line in `STRATEGIES`.

One of another package is found by its entry point in the group `options_platform.strategies`.
"""

from typing import Any

from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.strategies import (
    bear_call_spread,
    bear_put_spread,
    bull_call_spread,
    bull_put_spread,
    calendar,
    iron_butterfly,
    iron_condor,
    long_straddle,
    long_strangle,
    short_straddle,
    short_strangle,
)
from options_platform.domain.strategies.around_reports import earnings_strategy
from options_platform.domain.strategies.base import Strategy
from options_platform.extensions import Registry

RESERVED = ("none", "matrix", *EARNINGS_STRATEGIES)
"""What settings say in place of a strategy's name, and what only trades of reports may choose."""


def require_strategy(name: str, member: Any) -> None:
    """Raise TypeError or ValueError unless `member` is a strategy that can be listed as `name`."""
    if not isinstance(member, Strategy):
        raise TypeError(f"it is a {type(member).__name__}, not a Strategy")
    if member.name != name:
        raise ValueError(f"the strategy calls itself {member.name}; both names must be the same")
    if not name.isidentifier() or name != name.lower() or name in RESERVED:
        raise ValueError(f"{name} is no name for a strategy; use lower-case letters, digits and _")


_BUILTIN = {
    module.STRATEGY.name: module.STRATEGY
    for module in (
        bull_call_spread,
        bear_put_spread,
        bull_put_spread,
        bear_call_spread,
        iron_condor,
        iron_butterfly,
        long_straddle,
        long_strangle,
        short_straddle,
        short_strangle,
        calendar,
    )
}

STRATEGIES: Registry[Strategy] = Registry("strategies", _BUILTIN, require_strategy)
"""All strategies by name, those of other packages after the platform's own."""


def any_strategy(name: str) -> Strategy:
    """The strategy that a plan or a position names, an earnings strategy among them.

    Raises KeyError for a name that there is not.
    """
    return earnings_strategy(name) if name in EARNINGS_STRATEGIES else STRATEGIES[name]
