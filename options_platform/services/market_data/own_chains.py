"""Tickers whose implied volatility comes from their own chains or a model; the inputs of `vix`."""

from options_platform.domain.feature_engine.iv_history import CHAIN, MODEL
from options_platform.domain.market.index_series import may_be_stock
from options_platform.settings import Settings


def by_chain(settings: Settings) -> tuple[str, ...]:
    """The tickers whose `iv_symbol` is CHAIN."""
    return tuple(name for name, symbol in settings.iv_symbol.items() if symbol == CHAIN)


def vix_inputs(settings: Settings) -> list[str]:
    """The assets that `vix` reads; the bars, and those that it reads for some tickers only.

    `iv_history` is one if a ticker uses its own chain, `earnings` if one may be a stock: what is
    known of its reports shows that it is one, and the model of its volatility rests on them.
    """
    chains = ["iv_history"] if by_chain(settings) else []
    reports = ["earnings"] if may_be_modelled(settings) else []
    return ["raw_ohlcv", *chains, *reports]


def may_be_modelled(settings: Settings) -> tuple[str, ...]:
    """The tickers whose volatility is modelled, or is if they have reports."""
    funds = settings.plan.chain.surface.funds
    return tuple(
        ticker
        for ticker in settings.tickers
        if settings.iv_symbol.get(ticker, MODEL) == MODEL
        and (may_be_stock(ticker, funds) or ticker in settings.iv_symbol)
    )
