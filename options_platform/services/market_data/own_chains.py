"""Tickers whose implied volatility comes from their own option chains, and the inputs of `vix`."""

from options_platform.domain.feature_engine.iv_history import CHAIN
from options_platform.settings import Settings


def by_chain(settings: Settings) -> tuple[str, ...]:
    """The tickers whose `iv_symbol` is CHAIN."""
    return tuple(name for name, symbol in settings.iv_symbol.items() if symbol == CHAIN)


def vix_inputs(settings: Settings) -> list[str]:
    """The assets that `vix` reads; `iv_history` is one if a ticker uses its own chain."""
    return ["raw_ohlcv", "iv_history"] if by_chain(settings) else ["raw_ohlcv"]
