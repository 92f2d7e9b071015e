"""The volatility of a ticker's own chains as its index: what `vix` reads of `iv_history`."""

import polars as pl

from options_platform.contracts import IV_HISTORY
from options_platform.defs.partitions import RunRange
from options_platform.defs.resources import Platform, source_gives
from options_platform.domain.iv_history import CHAIN, chain_closes
from options_platform.errors import UsageError
from options_platform.settings import Settings


def by_chain(settings: Settings) -> tuple[str, ...]:
    """The tickers whose `iv_symbol` is CHAIN."""
    return tuple(name for name, symbol in settings.iv_symbols.items() if symbol == CHAIN)


def vix_inputs(settings: Settings) -> list[str]:
    """The assets that `vix` reads: `iv_history` as well where a ticker goes by its own chain."""
    return ["raw_ohlcv", "iv_history"] if by_chain(settings) else ["raw_ohlcv"]


def own_closes(platform: Platform, settings: Settings, selected: RunRange) -> pl.DataFrame:
    """The closes that the range's tickers draw from their own chains, up to the range's end.

    Raises :class:`UsageError` where a ticker is to go by its chain, none was ever stored and the
    source gives none.
    """
    tickers = [ticker for ticker in by_chain(settings) if ticker in selected.tickers]
    history = platform.warehouse.read(IV_HISTORY, tickers=tickers, end=selected.end)
    absent = sorted(set(tickers) - set(history["ticker"].to_list()))
    if absent and not source_gives(platform, "chain"):
        raise UsageError(
            f"iv_symbol of {absent[0]} is {CHAIN}, but source {settings.source} gives no option "
            "chains; name an index such as VIX, or choose a source with chains"
        )
    return chain_closes(history, f"{settings.source} chain")
