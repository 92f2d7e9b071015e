"""An account beside its stored backtest: control chart, early stop and drift of fills."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import Floats
from options_platform.contracts import BACKTEST_EQUITY, BACKTEST_TRADES
from options_platform.contracts.backtest import ACCOUNT, CONFIGURED
from options_platform.domain.accounting.trading_record import Record
from options_platform.domain.tracking.control_chart import ControlChart, control_chart
from options_platform.domain.tracking.early_stop import EarlyStop, early_stop
from options_platform.domain.tracking.fill_drift import FillDrift, fill_drift
from options_platform.settings import Settings


@dataclass(frozen=True)
class Tracking:
    """What a record shows beside the backtest of the sessions `first` to `last`.

    `rule_sets` are those of the backtest. `chart` is None for a record or a backtest that is too
    short, `stop` for a backtest without an edge or with too few trades. `sessions` are those of the
    record, which began with `start_usd`.
    """

    first: date
    last: date
    rule_sets: tuple[str, ...]
    start_usd: float
    sessions: list[date]
    chart: ControlChart | None
    stop: EarlyStop | None
    fills: FillDrift

    @property
    def proposes_halt(self) -> bool:
        """Whether the record is too poor to be one of its backtest."""
        fell = self.chart is not None and self.chart.fell_at is not None
        return fell or (self.stop is not None and self.stop.stopped_at is not None)


def tracking(
    settings: Settings, warehouse: Warehouse, ledger: Ledger, record: Record
) -> Tracking | None:
    """The account of `ledger` beside the newest stored backtest; None without one.

    Of several sets of `budgets` it is the run of them in one account.
    """
    run = ACCOUNT if len(settings.traded_sets) > 1 else CONFIGURED
    of_run = (pl.col("run") == run) & (pl.col("fill_model") == settings.fills.model)
    equity = warehouse.read(BACKTEST_EQUITY).filter(of_run).sort("date")
    if equity.is_empty():
        return None
    trades = warehouse.read(BACKTEST_TRADES).filter(of_run)
    marks = ledger.table("marks").sort("session")
    days = equity["date"].to_list()
    start_usd = ledger.start_usd() or settings.account_value_usd
    return Tracking(
        first=days[0],
        last=days[-1],
        rule_sets=tuple(sorted(trades["rule_set"].unique())),
        start_usd=start_usd,
        sessions=marks["session"].to_list(),
        chart=control_chart(
            daily_returns(marks["equity_usd"].to_numpy(), first=start_usd),
            # An account on paper earns no interest.
            daily_returns(
                equity["equity_usd"].to_numpy(), interest=equity["interest_usd"].to_numpy()
            ),
        ),
        stop=early_stop(shares_of(record.journal), shares_of(trades)),
        fills=fill_drift(record.journal, record.drift),
    )


def daily_returns(
    equity: Floats, *, first: float | None = None, interest: Floats | None = None
) -> Floats:
    """Returns by session, fractions of the equity before it, without the interest of the session.

    `first` is the equity before the first session; without it that session has no return.
    """
    before = equity[:-1] if first is None else np.concatenate([[first], equity[:-1]])
    after = equity[1:] if first is None else equity
    earned = after - before
    if interest is not None:
        earned = earned - (interest[1:] if first is None else interest)
    return np.asarray(earned / before)


def shares_of(trades: pl.DataFrame) -> list[float]:
    """Of closed trades, in the order of their entries, the profit over what each could lose.

    Trades from the session on in which the first open one was entered are left out: of these the
    quick ones have closed, and stops are quick.
    """
    first_open: date = trades.filter(pl.col("closed_on").is_null())["opened_on"].min()  # type: ignore[assignment]
    settled = trades.drop_nulls("closed_on").filter(pl.col("max_loss_usd") > 0)
    if first_open is not None:
        settled = settled.filter(pl.col("opened_on") < first_open)
    key = "position_id" if "position_id" in settled.columns else "plan_id"
    ordered = settled.sort("opened_on", key)
    shares: list[float] = (ordered["pnl_usd"] / ordered["max_loss_usd"]).to_list()
    return shares
