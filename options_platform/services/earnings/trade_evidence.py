"""The records of earnings strategies, on real quotes alone, and what they prove."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import BACKTEST_SOURCES, BACKTEST_TRADES
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.evidence import Verdict, judged
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.errors import PlatformError
from options_platform.settings import Settings

RECORD = pl.Schema(
    {
        "strategy": pl.String,
        "ticker": pl.String,
        "planned_on": pl.Date,
        "closed_on": pl.Date,
        "share": pl.Float64,
    }
)
"""One row a closed trade; `share` is its profit over what it had at risk."""
INVENTED = ("simulated", "sample")
"""Sources whose quotes are nobody's."""


def with_proven(settings: Settings, warehouse: Warehouse) -> Settings:
    """`settings` with the earnings strategies that pass the evidence gate by now.

    The same settings where earnings trades are off; only real money asks for the gate.
    """
    if not settings.earnings_trades.enabled:
        return settings
    verdicts = trade_verdicts(settings, warehouse)
    proven = tuple(name for name, each in verdicts.items() if each.status == "proven")
    trades = replace(settings.earnings_trades, proven=proven)
    return replace(
        settings,
        earnings_trades=trades,
        plan=replace(settings.plan, earnings_trades=trades),
    )


def trade_verdicts(settings: Settings, warehouse: Warehouse) -> dict[str, Verdict]:
    """The verdict on every earnings strategy, by the trades that have closed."""
    record = trade_record(settings, warehouse)
    by_strategy = {
        name: record.filter(pl.col("strategy") == name)["share"].to_list()
        for name in EARNINGS_STRATEGIES
    }
    return judged(by_strategy)


def trade_record(settings: Settings, warehouse: Warehouse) -> pl.DataFrame:
    """The closed earnings trades on real quotes in `RECORD`, by the day they closed.

    Those of the backtest whose entry and exit were filled at stored quotes, and those for paper
    money at a broker with a real market, which stand in place of a backtest's of the same report.
    An invented market proves nothing and has no record.
    """
    if settings.source in INVENTED:
        return RECORD.to_frame()
    paper, backtest = _paper(settings), _backtest(settings, warehouse)
    key = ["strategy", "ticker", "planned_on"]
    kept = backtest.join(paper, on=key, how="anti")
    return pl.concat([paper, kept]).sort("closed_on", "planned_on", "ticker", "strategy")


def _backtest(settings: Settings, warehouse: Warehouse) -> pl.DataFrame:
    fill = settings.fills.model
    of_runs = pl.col("run").is_in(EARNINGS_STRATEGIES) & (pl.col("fill_model") == fill)
    trades = warehouse.read(BACKTEST_TRADES).filter(of_runs)
    sources = warehouse.read(BACKTEST_SOURCES).filter(of_runs, pl.col("chain_source") == "real")
    real = trades.join(sources, on=["run", "fill_model", "plan_id"], how="semi")
    closed = real.filter(pl.col("closed_on").is_not_null())
    share = pl.col("pnl_usd") / pl.col("max_loss_usd")
    return closed.select("strategy", "ticker", "planned_on", "closed_on", share=share).cast(
        dict(RECORD)
    )  # type: ignore[arg-type]


def _paper(settings: Settings) -> pl.DataFrame:
    path = settings.paper_ledger_path
    if settings.broker == "simulated" or not path.exists():
        return RECORD.to_frame()
    try:
        positions = Ledger(path, account=settings.account, broker=settings.broker).positions()
    except PlatformError:
        # Without its paper trades a strategy has proven less, never more.
        return RECORD.to_frame()
    closed = [
        (p.strategy, p.ticker, shift(p.opened_on, -1), p.closed_on, p.profit_usd / p.max_loss_usd)
        for p in positions
        if p.strategy in EARNINGS_STRATEGIES and p.closed_on is not None
    ]
    return pl.DataFrame(closed, schema=RECORD, orient="row")
