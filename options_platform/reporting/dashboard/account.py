"""Account: equity, drawdown, profit by its parts, greeks against their limits, the kill switch."""

from __future__ import annotations

from typing import Any

import polars as pl

from options_platform.contracts import REGIME
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.risk.kill_switch import after_closes
from options_platform.reporting.charts import account as drawn
from options_platform.reporting.charts.style import bars
from options_platform.reporting.dashboard.view import OWN, View, grid
from options_platform.reporting.dashboard.words import exact, gain, moment, money, share, text
from options_platform.services.trading.morning_brief import account_brief
from options_platform.services.trading.sets_in_account import sets_in_account

GREEKS = ("delta", "gamma", "theta", "vega")
EVENTS = 20


def account(view: View) -> dict[str, Any]:
    """The content of the page; `newest` is None before the first marked session."""
    rows = view.portfolio.portfolio.sort("date")
    content: dict[str, Any] = {
        "newest": None,
        "halted": view.ledger.halted() if view.ledger.exists else None,
        "events": _events(view),
        "can_act": view.shown == OWN,
    }
    if rows.is_empty():
        return content
    newest = rows.row(-1, named=True)
    held = [each for each in view.positions if each.closed_on is None]
    limits = _greek_limits(view, newest["equity_usd"])
    over_time = {
        "equity": drawn.equity_and_cash(rows),
        "drawdown": drawn.drawdown(rows),
        "by_day": drawn.profit_over_time(rows),
        "by_month": drawn.profit_over_time(rows, by_month=True),
        "greeks": [(name, drawn.greek(rows, name, limits[name])) for name in GREEKS],
    }
    # One session is no line.
    nothing: dict[str, Any] = {**dict.fromkeys(over_time), "greeks": []}
    return (
        content
        | (over_time if rows.height > 1 else nothing)
        | {
            "newest": newest,
            "start_usd": view.ledger.start_usd(),
            "parts": _parts(view),
            "limits": _limits(view, newest, limits),
            "kill_switch": _kill_switch(view),
            "sets": _sets(view, held),
            "brief": account_brief(view.trading, view.ledger, held),
        }
    )


def _greek_limits(view: View, equity_usd: float) -> dict[str, float]:
    """The limit of each greek, USD, of the account value or of the equity if that is less."""
    basis = min(view.trading.account_value_usd, equity_usd)
    greeks = view.trading.risk.greeks
    return {name: getattr(greeks, f"{name}_pct") * basis for name in GREEKS}


def _limits(view: View, newest: dict[str, Any], limits: dict[str, float]) -> dict[str, Any]:
    risk = view.trading.risk
    basis = min(view.trading.account_value_usd, newest["equity_usd"])
    measured = [
        ("Open risk: sum of the maximum losses", newest["max_loss_usd"],
         risk.max_total_risk_pct * basis),
        *((f"{name.capitalize()} of the account", newest[f"{name}_usd"], limits[name])
          for name in GREEKS),
        ("Margin: maximum losses of equity", newest["max_loss_usd"], newest["equity_usd"]),
    ]  # fmt: skip
    rows = [
        {"what": what, "value": value, "limit": limit,
         "used": None if value is None or limit <= 0 else abs(value) / limit}
        for what, value, limit in measured
    ]  # fmt: skip
    return grid(
        f"Limits at the close of {newest['date']}, USD",
        rows,
        {"what": ("Of the account", exact), "value": ("Now", money), "limit": ("At most", money),
         "used": ("Used", share)},
    )  # fmt: skip


def _kill_switch(view: View) -> dict[str, Any]:
    rules = view.trading.risk.kill_switch
    switch = after_closes(view.ledger.equities_since_reset(), rules)
    equities = view.ledger.equities_since_reset()
    rows = []
    if switch is not None and equities:
        day = max(0.0, equities[-2] - equities[-1]) if len(equities) > 1 else 0.0
        before = equities[-2] if len(equities) > 1 else equities[-1]
        rows = [
            {"what": "Loss of the day", "value": day, "limit": rules.max_daily_loss_pct * before},
            {"what": "Below the highest equity since the last reset",
             "value": switch.peak_usd - equities[-1],
             "limit": rules.max_drawdown_pct * switch.peak_usd},
        ]  # fmt: skip
    return grid(
        "Kill switch, USD",
        rows,
        {"what": ("Loss", exact), "value": ("Now", money), "limit": ("Halts entries at", money)},
    )


def _sets(view: View, held: list[Any]) -> dict[str, Any]:
    return grid(
        "Rule sets",
        sets_in_account(view.trading, held),
        {"rule_set": ("Rule set", exact), "share": ("Share", share),
         "open_positions": ("Open", str), "risk_usd": ("At risk, USD", money),
         "profit_usd": ("Open profit, USD", gain), "note": ("Note", exact)},
    )  # fmt: skip


def _parts(view: View) -> list[tuple[str, Any]]:
    """Profit since the start by strategy, ticker, rule set and regime of the plan, as bars."""
    trades = pl.DataFrame(
        [
            {"strategy": p.strategy.replace("_", " "), "ticker": p.ticker,
             "rule set": p.rule_set, "date": shift(p.opened_on, -1),
             "profit": p.profit_usd}
            for p in view.positions
        ],
        schema={"strategy": pl.String, "ticker": pl.String, "rule set": pl.String,
                "date": pl.Date, "profit": pl.Float64},
    )  # fmt: skip
    if trades.is_empty():
        return []
    regimes = view.warehouse.read(REGIME, columns=["date", "ticker", "regime"])
    trades = trades.join(regimes, on=["date", "ticker"], how="left").with_columns(
        pl.col("regime").fill_null("unknown").str.replace_all("_", " ")
    )
    made = []
    for name in ("strategy", "ticker", "regime", "rule set"):
        sums = trades.group_by(name).agg(pl.col("profit").sum()).sort(name)
        made.append((name, bars(dict(sums.iter_rows()), "USD", height=220)))
    return made


def _events(view: View) -> dict[str, Any]:
    """What was recorded of the account, halts by hand among it, the newest first."""
    rows = []
    if view.ledger.exists:
        events = view.ledger.table("account_events").sort("number", descending=True)
        rows = events.head(EVENTS).to_dicts()
    return grid(
        "The audit of the account, UTC",
        rows,
        {"recorded_at": ("Time", moment), "kind": ("What", text), "detail": ("Why", exact)},
        "Nothing is recorded yet.",
    )
