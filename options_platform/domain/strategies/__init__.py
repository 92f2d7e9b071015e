"""The strategies; a new one is a file here and a line in `STRATEGIES`."""

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
from options_platform.domain.strategies.base import Strategy

STRATEGIES: dict[str, Strategy] = {
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
