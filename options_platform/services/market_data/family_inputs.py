"""What the families `earnings` and `cross` read beside bars: volatility, known dates, chains."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import EARNINGS_KNOWN, IV_HISTORY, VIX
from options_platform.domain.earnings.chain_events import CHAIN_COLUMNS
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.report_rows import Chain
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.domain.market.index_series import iv_basis_of, may_be_stock
from options_platform.services.market_data.platform import Platform
from options_platform.settings import Settings


def companies(settings: Settings) -> tuple[str, ...]:
    """The tickers that report earnings: all but the funds of the settings."""
    funds = settings.plan.chain.surface.funds
    return tuple(ticker for ticker in settings.tickers if may_be_stock(ticker, funds))


def dates_known(platform: Platform, tickers: Sequence[str]) -> dict[str, KnownDates]:
    """What is recorded of the reports of those of the tickers that are no funds."""
    wanted = [ticker for ticker in tickers if ticker in companies(platform.settings)]
    record = platform.warehouse.read(EARNINGS_KNOWN, tickers=wanted)
    return {ticker: KnownDates(ticker, record, platform.settings.earnings) for ticker in wanted}


def own_volatility(warehouse: Warehouse, tickers: Sequence[str], end: date) -> pl.DataFrame:
    """date, ticker, `iv` (annual fraction), `iv_rank` and `is_modelled` of tickers with a
    volatility of their own.

    That of `vix`, or where a ticker is priced on another underlying's index, that of its stored
    chains; one of the two for all of a ticker's history, so that its changes are of one series.
    `is_modelled`: it is the model's, whose fall after a report is no price of anybody.
    """
    vix = warehouse.read(VIX, tickers=tickers, end=end)
    basis = iv_basis_of(pl.col("ticker"), pl.col("iv_symbol"))
    own = vix.filter(basis != "market").select(
        *KEY, iv=pl.col("iv_close") / 100.0, is_modelled=basis == "modelled"
    )
    ranks = warehouse.read(FEATURES_TABLE, columns=[*KEY, "iv_rank"], tickers=tickers, end=end)
    own = own.join(ranks, on=KEY, how="left").select(*KEY, "iv", "iv_rank", "is_modelled")
    others = [ticker for ticker in tickers if ticker not in own["ticker"]]
    chains = warehouse.read(IV_HISTORY, tickers=others, end=end)
    quoted = chains.select(*KEY, "iv_rank", iv="iv_30d", is_modelled=pl.lit(value=False)).select(
        own.columns
    )
    return pl.concat([own, quoted]).drop_nulls("iv").sort(KEY)


def stored_chains(platform: Platform, tickers: Sequence[str], end: date) -> Chain:
    """Reads the stored chain of a session and ticker; one chain at a time is in memory."""
    stored = set(platform.chains.stored(tickers=tickers, end=end))

    def chain(day: date, ticker: str) -> pl.DataFrame | None:
        if (day, ticker) not in stored:
            return None
        return platform.chains.readable((day, ticker), columns=CHAIN_COLUMNS)

    return chain
