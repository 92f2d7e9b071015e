"""The head of the report: what was traded, what is open with its plan, and the last exits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from options_platform.adapters.storage.ledger import REPLAY, Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TRADE_PLAN
from options_platform.domain.backtest.trade_metrics import break_even_win_rate
from options_platform.formats import count, is_missing, number, pct, usd
from options_platform.reporting.tearsheet import position_cards
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.morning_brief import decisions_in_words
from options_platform.services.trading.prices.stored_closes import stored_market
from options_platform.services.trading.replay import account_words, side_by_side
from options_platform.services.trading.reports_ahead import stored_reports
from options_platform.services.trading.summary import TradingSummary, trading_summary
from options_platform.settings import Settings

SHOWN_EXITS = 6


def headline_section(
    settings: Settings,
    warehouse: Warehouse,
    paper: Ledger,
    replayed: Ledger,
    backtest: dict[str, Any] | None,
    now: datetime,
) -> dict[str, Any]:
    """The account's trading, or that of the replay before it has traded, and tonight's decisions.

    `trading` is None where neither has marked a session; `verdict` is None without the `backtest`,
    the content of its section.
    """
    ledger, trading = _shown_account(settings, paper, replayed)
    market = stored_market(warehouse)
    summary = trading_summary(
        with_fits(trading, warehouse), ledger, market, stored_reports(trading, warehouse)
    )
    newest = warehouse.read(TRADE_PLAN, columns=["date"])["date"].max()
    return {
        "trading": None if summary is None else _trading(summary),
        "account": account_words(trading),
        "is_arranged": trading is not settings,
        "alerts": alerts_of(trading, ledger, now, warehouse=warehouse),
        "newest": newest,
        "decisions": [] if newest is None else decisions_in_words(settings, warehouse, newest),  # type: ignore[arg-type]
        "verdict": None if backtest is None else _verdict(backtest),
    }


def _shown_account(settings: Settings, paper: Ledger, replayed: Ledger) -> tuple[Ledger, Settings]:
    """The paper account once it has held a position, before that the replay if there is one."""
    if replayed.exists and not (paper.exists and paper.positions()):
        return replayed, side_by_side(settings)
    return paper, settings


def _trading(summary: TradingSummary) -> dict[str, Any]:
    closed = len(summary.exits)
    profit = summary.equity_usd - summary.start_usd
    cards = position_cards([plan.position for plan in summary.open])
    return {
        "is_replay": summary.label == REPLAY,
        "text": (
            f"{summary.first} to {summary.last}: {count(summary.trades, 'trade')}, "
            f"{summary.won:,} of {closed:,} closed ones won; equity {usd(summary.equity_usd)}, "
            f"{usd(profit, signed=True)} on {usd(summary.start_usd)}."
        ),
        "by_strategy": summary.by_strategy,
        "open": [
            {**card, "title": plan.title(), "lines": plan.in_words()}
            for card, plan in zip(cards, summary.open, strict=False)
        ],
        "more": len(summary.open) - len(cards),
        "exits": summary.exits[:SHOWN_EXITS],
        "refused": summary.refused,
    }


def _verdict(backtest: dict[str, Any]) -> str:
    """The backtest in a sentence: the Sharpe ratio with its interval, beside buying and holding."""
    model = backtest["model"]
    targets = backtest["targets"]
    holds = [row for row in backtest["scores"] if row["kind"] == "hold"]
    beside = ", ".join(f"{_ratio(row['sharpe'])} ({row['shown']})" for row in holds)
    interval = f"[{_ratio(model['sharpe_low'])}, {_ratio(model['sharpe_high'])}]"
    even = break_even_win_rate(model["win_rate"], model["profit_factor"])
    needed = "" if even is None else f" (it breaks even at {pct(even)})"
    return (
        f"Backtest {model['first']} to {model['last']}: {count(model['trades'], 'trade')}, "
        f"{pct(model['win_rate'])} won{needed}, "
        f"a Sharpe ratio of {_ratio(model['sharpe'])} {interval}, "
        f"beside {beside}. "
        f"{sum(bool(row['met']) for row in targets)} of {count(len(targets), 'target')} met."
    )


def _ratio(value: float | None) -> str:
    return "none" if is_missing(value) else number(value)
