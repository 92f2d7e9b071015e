"""What the families `earnings` and `cross` read beside bars: volatility, known dates, chains."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY, PartitionRange
from options_platform.contracts import EARNINGS_KNOWN, IV_HISTORY, VIX
from options_platform.domain.earnings.chain_events import CHAIN_COLUMNS
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.report_rows import Chain
from options_platform.domain.features.table import EARNINGS_FEATURES_TABLE, FEATURES_TABLE
from options_platform.domain.market.index_series import iv_basis_of, may_be_stock
from options_platform.models.stock_rows import FUNDS_ONLY, StockRows
from options_platform.services.market_data.platform import Platform
from options_platform.settings import Settings

REPORT_COLUMNS = (
    "days_since_earnings", "earnings_in_30d", "hv_20x", "iv_ex_earnings", "iv_rank_ex"
)  # fmt: skip
"""What features, labels, regimes and models of a stock read of `earnings_features`."""


def companies(settings: Settings) -> tuple[str, ...]:
    """The tickers that report earnings: all but the funds of the settings."""
    funds = settings.plan.chain.surface.funds
    return tuple(ticker for ticker in settings.tickers if may_be_stock(ticker, funds))


def scaled_labels(settings: Settings) -> tuple[str, ...]:
    """The tickers whose labels are scaled by their volatility."""
    return settings.labels.scaled(settings.tickers, companies(settings))


def stock_rows(warehouse: Warehouse, settings: Settings, target: str, end: date) -> StockRows:
    """What the models of `target` (direction or iv_rank) know of companies, by the settings."""
    has_companies = bool(companies(settings))
    trained = settings.models.train_on_earnings
    if target == "direction":
        return StockRows(
            with_band=bool(scaled_labels(settings)),
            leaves_out_reactions=has_companies and "direction" not in trained,
        )
    if not has_companies:
        return FUNDS_ONLY
    everyone = PartitionRange(end, end, settings.tickers)
    reports = stored_report_features(warehouse, settings, everyone)
    return StockRows(reports=reports, leaves_out_reactions="volatility" not in trained)


def dates_known(platform: Platform, tickers: Sequence[str]) -> dict[str, KnownDates]:
    """What is recorded of the reports of those of the tickers that are no funds."""
    wanted = [ticker for ticker in tickers if ticker in companies(platform.settings)]
    record = platform.warehouse.read(EARNINGS_KNOWN, tickers=wanted)
    return {ticker: KnownDates(ticker, record, platform.settings.earnings) for ticker in wanted}


def own_volatility(warehouse: Warehouse, tickers: Sequence[str], end: date) -> pl.DataFrame:
    """The rows of :func:`own_iv` with `iv_rank`, that of the same series."""
    own = own_iv(warehouse, tickers, end)
    scope: dict[str, Any] = {"columns": [*KEY, "iv_rank"], "tickers": tickers, "end": end}
    of_index = warehouse.read(FEATURES_TABLE, **scope)
    of_chains = warehouse.read(IV_HISTORY, **scope)
    ranks = pl.concat(
        [
            of_index.join(own.filter("indexed"), on=KEY, how="semi"),
            of_chains.join(own.filter(~pl.col("indexed")), on=KEY, how="semi"),
        ]
    )
    return own.join(ranks, on=KEY, how="left", maintain_order="left").drop("indexed")


def own_iv(warehouse: Warehouse, tickers: Sequence[str], end: date) -> pl.DataFrame:
    """date, ticker, `iv` (annual fraction), `indexed` and `is_modelled` of tickers with an own one.

    That of `vix` (`indexed`), or where a ticker is priced on another underlying's index, that of
    its stored chains; one of the two for all of a ticker's history, so that its changes are of one
    series. `is_modelled`: it is the model's, whose fall after a report is no price of anybody.
    """
    vix = warehouse.read(VIX, tickers=tickers, end=end)
    basis = iv_basis_of(pl.col("ticker"), pl.col("iv_symbol"))
    own = vix.filter(basis != "market").select(
        *KEY, iv=pl.col("iv_close") / 100.0, is_modelled=basis == "modelled"
    )
    others = [ticker for ticker in tickers if ticker not in own["ticker"]]
    quoted = warehouse.read(IV_HISTORY, tickers=others, end=end).select(
        *KEY, iv="iv_30d", is_modelled=pl.lit(value=False)
    )
    indexed = [own.with_columns(indexed=True), quoted.with_columns(indexed=False)]
    return pl.concat(indexed).drop_nulls("iv").sort(KEY)


def stored_report_features(
    warehouse: Warehouse, settings: Settings, selected: PartitionRange
) -> pl.DataFrame:
    """Rows of `earnings_features` up to the end of a range, of its tickers that are no funds.

    Sessions that were never computed have no row, and count as without a known report.
    """
    wanted = [ticker for ticker in selected.tickers if ticker in companies(settings)]
    columns = [*KEY, *REPORT_COLUMNS]
    return warehouse.read(
        EARNINGS_FEATURES_TABLE, columns=columns, tickers=wanted, end=selected.end
    )


def stored_chains(platform: Platform, tickers: Sequence[str], end: date) -> Chain:
    """Reads the stored chain of a session and ticker; one chain at a time is in memory."""
    stored = set(platform.chains.stored(tickers=tickers, end=end))

    def chain(day: date, ticker: str) -> pl.DataFrame | None:
        if (day, ticker) not in stored:
            return None
        return platform.chains.readable((day, ticker), columns=CHAIN_COLUMNS)

    return chain
