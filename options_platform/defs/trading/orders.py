"""`paper_orders`: the orders sent for each plan, and their status."""

from collections.abc import Mapping
from datetime import date

import dagster as dg
import polars as pl
from dagster._core.storage.tags import BACKFILL_ID_TAG

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.ledger import Ledger, open_ledger
from options_platform.common import KEY, PartitionRange
from options_platform.contracts import (
    DIRECTION_MODEL,
    PAPER_ORDERS,
    PLAN_ALTERNATE_LEGS,
    PLAN_ALTERNATES,
    RAW_OHLCV,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    VIX,
)
from options_platform.defs.jobs import ORDERS_GROUP
from options_platform.defs.shared.asset_options import MODEL_POLICY, asset_options
from options_platform.defs.shared.context import answered_range, report_earlier_rows, result
from options_platform.defs.shared.partitions import BACKFILL_TAG
from options_platform.defs.shared.sending import begin_sending
from options_platform.services.earnings.trade_evidence import with_proven
from options_platform.services.market_data.failed_tickers import withheld
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.services.market_data.stock_betas import with_betas
from options_platform.services.market_data.yields_and_tenors import (
    stored_dividends,
    stored_odd_splits,
    stored_tenors,
)
from options_platform.services.planning.plan_tables import market_closes, order_rows, unsent_rows
from options_platform.services.trading.reports_ahead import stored_reports
from options_platform.services.trading.session import TradingSession
from options_platform.settings import Settings
from options_platform.settings.broker_rules import LIVE_NOTE


def make_paper_orders(settings: Settings) -> dg.AssetsDefinition:
    """The asset `paper_orders`; only a run of just the newest session sends orders."""

    options = asset_options(
        PAPER_ORDERS,
        settings,
        group=ORDERS_GROUP,
        kinds={"python"},
        deps=["trade_plan"],
        policy=MODEL_POLICY,
    )
    if settings.is_live:
        options["description"] = f"{LIVE_NOTE} {options['description']}"

    @dg.asset(**options)
    def paper_orders(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        sends = may_send(context.run.tags, selected, newest_date(settings, platform.now()))
        if sends:
            begin_sending(context)
        ledger = open_ledger(settings)
        plans = platform.warehouse.read(
            TRADE_PLAN, tickers=selected.tickers, start=selected.start, end=selected.end
        )
        if sends:
            trade_session(platform, ledger, selected.end, plans)
        rows = rows_to_write(platform, ledger, plans, selected)
        if rows.height:
            platform.warehouse.write([(PAPER_ORDERS, rows)])
        report_earlier_rows(context, PAPER_ORDERS, rows, selected.start)
        counts = rows.group_by("status").len().sort("status")
        metadata = {"sent": sends, "orders_by_status": dict(counts.iter_rows())}
        if settings.is_live:
            context.log.warning(LIVE_NOTE)
            metadata["money"] = LIVE_NOTE
        return result(context, rows, selected, metadata)

    return paper_orders


def may_send(tags: Mapping[str, str], selected: PartitionRange, newest: date) -> bool:
    """Whether the run covers just the newest session and is not part of a backfill."""
    is_backfill = BACKFILL_ID_TAG in tags or BACKFILL_TAG in tags
    return selected.start == selected.end == newest and not is_backfill


def trade_session(platform: Platform, ledger: Ledger, session: date, plans: pl.DataFrame) -> None:
    """Trade one session: settle expiries, exit, mark the account, and enter the plans."""
    last = ledger.last_marked() if ledger.exists else None
    since = last or session
    tables = (TRADE_PLAN_LEGS, PLAN_ALTERNATES, PLAN_ALTERNATE_LEGS)
    legs, alternates, their_legs = (
        platform.warehouse.read(table, start=session, end=session) for table in tables
    )
    market = market_closes(
        with_carried(platform, since, session),
        platform.warehouse.read(VIX, end=session),
        stored_tenors(platform.warehouse),
        stored_dividends(platform.warehouse, end=session),
        stored_odd_splits(platform.warehouse),
    )
    calls = platform.warehouse.read(
        DIRECTION_MODEL, columns=["ticker", "fold"], start=session, end=session
    )
    folds = dict(calls.drop_nulls("fold").iter_rows())
    settings = with_fits(platform.settings, platform.warehouse)
    settings = with_betas(with_proven(settings, platform.warehouse), platform.warehouse, session)
    reports = stored_reports(settings, platform.warehouse, platform.now())
    trading = TradingSession(ledger, open_broker(settings), settings, folds=folds, reports=reports)
    legs = pl.concat([legs, their_legs])
    trading.run_session(session, plans, legs, market, platform.now(), alternates)


def with_carried(platform: Platform, since: date, session: date) -> pl.DataFrame:
    """Rows of `raw_ohlcv` from `since` to `session`, with a carried close for halted tickers.

    A ticker without a good bar in these sessions gets its last good row, so that its position is
    marked at its last close and the other tickers still trade. So does one whose source has failed,
    be it that of its volatility index alone: its close is of an earlier session, by which only the
    calendar closes a position.
    """
    warehouse = platform.warehouse
    bars = warehouse.read(RAW_OHLCV, start=since, end=session)
    good = bars.filter(pl.col("bad_reason").is_null())
    failed = [*withheld(warehouse, platform.settings.tickers, session)]
    if failed:
        measured = warehouse.read(VIX, columns=KEY, tickers=failed, end=session)
        is_failed = pl.col("ticker").is_in(failed)
        good = pl.concat(
            [good.filter(~is_failed), good.filter(is_failed).join(measured, on=KEY, how="semi")]
        )
    asked = {*bars.filter(pl.col("date") == session)["ticker"].to_list(), *failed}
    halted = sorted(asked - set(good["ticker"].to_list()))
    if not halted:
        return bars
    before = warehouse.read(RAW_OHLCV, tickers=halted, end=since)
    before = before.filter(pl.col("bad_reason").is_null())
    if failed:
        before = pl.concat(
            [before.filter(~is_failed), before.filter(is_failed).join(measured, on=KEY, how="semi")]
        )
    last = before.sort(KEY).group_by("ticker", maintain_order=True).tail(1)
    return pl.concat([last.select(bars.columns), bars])


def rows_to_write(
    platform: Platform, ledger: Ledger, plans: pl.DataFrame, selected: PartitionRange
) -> pl.DataFrame:
    """Rows of the range, from the ledger where it has an order, and changed rows outside it."""
    settings, now = platform.settings, platform.now()
    broker = f"{settings.broker}:{settings.account}"
    ordered = order_rows(ledger.orders() if ledger.exists else [], broker, now)
    ordered = ordered.filter(pl.col("ticker").is_in(selected.tickers))
    unsent = unsent_rows(plans, "BACKFILL", broker, now).join(
        ordered, on=PAPER_ORDERS.key, how="anti"
    )
    stored = platform.warehouse.read(PAPER_ORDERS, tickers=selected.tickers)
    inside = pl.col("date").is_between(selected.start, selected.end)
    compared = [name for name in PAPER_ORDERS.schema if name != "updated_at"]
    changed = ordered.filter(~inside).join(stored, on=compared, how="anti", nulls_equal=True)
    return pl.concat([unsent, ordered.filter(inside), changed]).sort("date", "ticker")
