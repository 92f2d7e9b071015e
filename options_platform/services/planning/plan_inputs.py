"""The inputs of plans: bars, indices, ranks, regimes and predictions, joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import DIRECTION_MODEL, RAW_OHLCV, REGIME, VIX, VOLATILITY_MODEL
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.features.premium import PREMIUM
from options_platform.domain.features.registry import feature_version
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.domain.market.odd_splits import odd_splits_ahead
from options_platform.domain.planning.plan import PlanRules
from options_platform.errors import IncompleteDataError
from options_platform.services.market_data.yields_and_tenors import (
    stored_odd_splits,
    stored_tenors,
)
from options_platform.services.planning.known_reports import with_known_reports
from options_platform.services.planning.ranked_calls import stored_ranks
from options_platform.services.planning.report_prices import with_report_prices


def plan_inputs(
    warehouse: Warehouse,
    tickers: Sequence[str],
    start: date,
    end: date,
    *,
    earnings: EarningsRules | None = None,
    only: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The inputs of plans, one row per stored bar of the range, including bars set aside.

    `only` has the date and ticker of the bars that are wanted (default: all of the range);
    `earnings` says how the dates of reports are read, by default as without settings.

    Columns are those of `raw_ohlcv`, `vix`, `features`, `regime` and both models that planning
    needs, whether the source gives dividends (`dividends_known`), the rank of each call among
    earlier ones, the report ahead as the close of each session knew it and its price where a
    forecast is stored, a split ahead that is not whole, and the tenors of the VIX if stored. Raises
    :class:`IncompleteDataError` if a table has no row for a bar, or if predictions are missing
    that ranks are computed from.
    """
    columns = {
        RAW_OHLCV: ["close", "split_factor", "bad_reason", "dividend"],
        VIX: ["vix", "iv_close", "iv_symbol"],
        FEATURES_TABLE: ["iv_rank", *(feature.name for feature in PREMIUM)],
        REGIME: ["regime"],
        DIRECTION_MODEL: ["direction", "p_bearish", "p_neutral", "p_bullish", "confidence"],
        VOLATILITY_MODEL: ["iv_rank_change_pred"],
    }
    frames = [
        warehouse.read(
            table,
            columns=[*KEY, *names],
            tickers=tickers,
            start=start,
            end=end,
        )
        for table, names in columns.items()
    ]
    frames[0] = frames[0].with_columns(dividends_known=pl.col("dividend").is_not_null())
    frames[0] = frames[0].drop("dividend")
    joined = frames[0] if only is None else frames[0].join(only, on=KEY, how="semi")
    for table, frame in zip(list(columns)[1:], frames[1:], strict=True):
        _require_rows(table.name, joined, frame)
        joined = joined.join(frame, on=KEY, how="left", maintain_order="left")
    ranks = stored_ranks(warehouse, tickers, start, end)
    joined = joined.join(ranks, on=KEY, how="left", maintain_order="left")
    earnings = earnings or EarningsRules()
    joined = with_known_reports(joined, warehouse, earnings)
    joined = with_report_prices(joined, warehouse, tickers, start, end, earnings)
    ahead = odd_splits_ahead(joined, stored_odd_splits(warehouse, tickers))
    joined = joined.join(ahead, on=KEY, how="left", maintain_order="left")
    tenors = stored_tenors(warehouse)
    if tenors is None:
        return joined
    return joined.join(tenors, on="date", how="left", maintain_order="left")


def require_premium_features(
    warehouse: Warehouse, tickers: Sequence[str], start: date, end: date, plans: Iterable[PlanRules]
) -> None:
    """Raise :class:`IncompleteDataError` if votes, or sizes by a volatility target, ask
    about features that were not computed.

    Features of a former version lack them, and a vote on what is not known does not hold: nothing
    would be traded, or less, for no reason of the market's.
    """
    asks = (p.selection.votes.asked or p.sizing.vol_target.annual is not None for p in plans)
    if not any(asks):
        return
    columns = [*KEY, "feature_version"]
    stored = warehouse.read(FEATURES_TABLE, columns=columns, tickers=tickers, start=start, end=end)
    former = stored.filter(pl.col("feature_version") != feature_version())
    if former.height:
        raise IncompleteDataError(
            f"{FEATURES_TABLE.name}: {former.height} rows are of a former version and may lack "
            f"what votes or sizes ask about, {_first_and_way_out(former, FEATURES_TABLE.name)}"
        )


def _require_rows(table: str, bars: pl.DataFrame, frame: pl.DataFrame) -> None:
    missing = bars.join(frame, on=KEY, how="anti", maintain_order="left")
    if missing.height:
        raise IncompleteDataError(
            f"{table} is missing {missing.height} rows that plans need, "
            f"{_first_and_way_out(missing, table)}"
        )


def _first_and_way_out(rows: pl.DataFrame, table: str) -> str:
    """The first of the rows that a table lacks, and the command that computes them all."""
    day, ticker = rows.select(KEY).row(0)
    last = max(rows["date"].to_list())
    return (
        f"first {day} {ticker}; run: options-platform backfill --start {day} --end {last} "
        f"--select {table}"
    )
