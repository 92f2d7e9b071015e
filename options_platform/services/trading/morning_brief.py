"""The morning brief: how the account is, what was decided, what is wrong, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from options_platform.adapters.storage.failed_runs import failed_runs
from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    MODEL_PREDICTIONS,
    PAPER_ORDERS,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    VIX,
)
from options_platform.contracts.features import DIRECTIONS
from options_platform.domain.calendar.sessions import from_midnight, sessions, shift
from options_platform.domain.earnings.blackout_words import blackout_words
from options_platform.domain.planning.decision_words import decision_words
from options_platform.domain.trading.alerts import Alert
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import Position
from options_platform.errors import DamagedError
from options_platform.formats import count, pct, usd, words
from options_platform.services.market_data.market_priced import price_note
from options_platform.services.planning.heavy_weeks import heavy_weeks
from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.reports_ahead import stored_reports
from options_platform.settings import Settings
from options_platform.settings.sources import source_entry

NAIVE = "prior"
"""The model that predicts the class frequencies so far."""

SESSIONS_TO_LEARN = 600
"""Sessions with a volatility index below which a longer history is advised: a year for IV rank, one
to train on, and some months, since two years alone gave no prediction."""

SHOWN_AHEAD = timedelta(days=45)
"""Reports that lie further ahead concern no expiry that the plan takes by default."""


@dataclass(frozen=True)
class AccountBrief:
    """The account at its newest mark, `session`, and what it may lose now.

    `open_risk_usd` is the sum of the maximum losses of open positions, `working_risk_usd` that of
    entries that may still fill; `limit_usd` is what both may be together, and `position_limit` how
    many there may be.
    """

    session: date
    equity_usd: float
    profit_day_usd: float
    below_peak: float
    open_positions: int
    open_risk_usd: float
    working_entries: int
    working_risk_usd: float
    limit_usd: float
    position_limit: int

    def in_words(self) -> list[str]:
        """Two sentences: equity and profit, then risk against its limits."""
        below = f", {pct(self.below_peak)} below its peak" if self.below_peak > 0 else ""
        entries = count(self.working_entries, "working entry", "working entries")
        together = self.open_risk_usd + self.working_risk_usd
        share = pct(together / self.limit_usd, 0) if self.limit_usd > 0 else "-"
        made = (
            f"Equity {usd(self.equity_usd)} at the close of {self.session}, "
            f"{usd(self.profit_day_usd, signed=True)} on the day{below}."
        )
        at_risk = (
            f"Open risk {usd(together)} of {usd(self.limit_usd)} allowed ({share}): "
            f"{self.open_positions:,} of at most {self.position_limit:,} positions open, "
            f"{entries}."
        )
        return [made, at_risk]


def account_brief(
    settings: Settings, ledger: Ledger, positions: Sequence[Position]
) -> AccountBrief | None:
    """The account at its newest mark; None before the first."""
    if not ledger.exists:
        return None
    marks = ledger.table("marks").sort("session")
    if marks.is_empty():
        return None
    equities = [ledger.start_usd() or 0.0, *marks["equity_usd"].to_list()]
    peak = max(equities)
    entries = [order for order in ledger.working_orders() if order.purpose == "entry"]
    return AccountBrief(
        session=marks["session"][-1],
        equity_usd=equities[-1],
        profit_day_usd=equities[-1] - equities[-2],
        below_peak=1.0 - equities[-1] / peak if peak > 0 else 0.0,
        open_positions=len(positions),
        open_risk_usd=sum(position.risk_usd for position in positions),
        working_entries=len(entries),
        working_risk_usd=sum(map(_risk_usd, entries)),
        limit_usd=settings.risk.max_total_risk_pct * min(settings.account_value_usd, equities[-1]),
        position_limit=settings.risk.max_positions,
    )


def _risk_usd(order: Order) -> float:
    return order.max_loss_usd * order.remaining / order.contracts


def decisions_in_words(settings: Settings, warehouse: Warehouse, day: date) -> list[str]:
    """The plans of a session in words, with what became of their orders."""
    plans, legs, orders = (
        warehouse.read(table, start=day, end=day, tickers=settings.tickers)
        for table in (TRADE_PLAN, TRADE_PLAN_LEGS, PAPER_ORDERS)
    )
    legs = legs.sort("leg")
    states = {
        (row["ticker"], row["rule_set"]): row
        for row in orders.select("ticker", "rule_set", "status", "reason").iter_rows(named=True)
    }
    shares = class_shares(warehouse, day, plans)
    heavy = heavy_weeks(settings, warehouse, day)
    lines = []
    for plan in plans.to_dicts():
        of_plan = legs.filter(pl.col("plan_id") == plan["plan_id"]).to_dicts()
        name = f"{plan['ticker']} ({plan['rule_set']})" if settings.budgets else plan["ticker"]
        order = states.get((plan["ticker"], plan["rule_set"]))
        traded = plan["decision"] == "trade" and order is not None
        lines.append(
            f"{name}: {decision_words(plan, of_plan, shares.get(plan['ticker'], {}))}"
            f"{order_words(order) if traded else ''}"
        )
        if plan["iv_basis"] == "market":
            lines.append(price_note(plan["ticker"], plan["iv_symbol"]))
        if words := heavy.pop(plan["ticker"], None):
            lines.append(words)
    return lines


def class_shares(
    warehouse: Warehouse, day: date, plans: pl.DataFrame
) -> dict[str, dict[str, float]]:
    """By ticker and direction, the share of that direction among the sessions that the model of the
    day was trained on: what a forecast without a model would say.

    Empty where no plan trades, and where the naive forecast is not stored.
    """
    if plans.filter(pl.col("decision") == "trade").is_empty():
        return {}
    rows = warehouse.read(MODEL_PREDICTIONS, start=day, end=day)
    naive = rows.filter(pl.col("model") == NAIVE, pl.col("target") == "direction")
    return {
        row["ticker"]: {
            name: row[f"p_{name}"] for name in DIRECTIONS if row[f"p_{name}"] is not None
        }
        for row in naive.iter_rows(named=True)
    }


def blackouts_in_words(
    settings: Settings, warehouse: Warehouse, newest: date, now: datetime
) -> list[str]:
    """The blackout of each stock that reports within 45 days, or whose next date is not known.

    By what is known `now` after the session `newest`; of a history that has ended, at its end.
    """
    has_ended = settings.end is not None and settings.end <= newest
    reports = stored_reports(settings, warehouse, None if has_ended else now)
    lines = []
    for ticker in settings.tickers:
        known = reports.known(ticker, newest)
        if known is not None and (known.ahead is None or known.ahead.day - newest <= SHOWN_AHEAD):
            lines.append(blackout_words(ticker, known, settings.blackout))
    return lines


def order_words(order: Mapping[str, Any] | None) -> str:
    """What became of the order of a plan, as a further sentence; empty without one."""
    if order is None:
        return ""
    because = f" ({order['reason']})" if order["reason"] else ""
    if order["reason"] == "NEVER_SENT":
        because = f": its session closed before it could be sent{because}"
    return f" The order is {words(order['status'])}{because}."


@dataclass(frozen=True)
class Problem:
    """Something that failed, is stale or waits for a person; `step` is what to do, if anything."""

    text: str
    step: str | None = None


STEPS = {
    "ledger": "options-platform doctor",
    "difference": "options-platform reconcile",
    "halted": 'options-platform resume --reason "what you checked"',
    "assigned": "options-platform positions",
    "earnings": "options-platform earnings",
    "missed": "options-platform daily",
    "rejected": "options-platform orders",
    "no": "options-platform quarantine list",
    "equity": "options-platform feasibility",
    "unpublished": "options-platform doctor",
}
"""What to do about an alert, by the first word of its key, the most pressing first."""


def problems_of(
    settings: Settings,
    ledger: Ledger,
    now: datetime,
    *,
    warehouse: Warehouse | None = None,
    newest: date,
    planned: date | None,
    entries: tuple[int, int],
) -> list[Problem]:
    """What failed, is stale or waits for a person, the most pressing first.

    Args:
        settings: the settings.
        ledger: the order ledger.
        now: current time.
        warehouse: where the tables are read (default: the home's warehouse itself).
        newest: the newest session that could be planned.
        planned: the newest session that was; None for none.
        entries: undecided entries of the quarantine: rows set aside, and warnings.
    """
    alerts = alerts_of(settings, ledger, now, warehouse=warehouse)
    # The decisions say themselves which index they are priced on.
    problems = [_of_alert(settings, one) for one in alerts if not one.key.startswith("index ")]
    problems += _of_runs(settings)
    if planned is None or planned < newest:
        problems.append(_of_stale(newest, planned))
    if any(entries):
        aside, warnings = entries
        text = (
            f"Open in the quarantine: {count(aside, 'row')} set aside, {count(warnings, 'warning')}"
        )
        problems.append(Problem(text, "options-platform quarantine list"))
    steps = [*STEPS.values()]
    ranked = sorted(
        problems, key=lambda one: steps.index(one.step) if one.step in steps else len(steps)
    )
    return [_of_files(one, newest) if _reads_files(settings) else one for one in ranked]


def _reads_files(settings: Settings) -> bool:
    entry = source_entry(settings.source)
    return entry is not None and entry.needs_folder


def _of_files(problem: Problem, newest: date) -> Problem:
    """That problem, where a daily run has first to wait for somebody who brings newer files."""
    if problem.step != STEPS["missed"]:
        return problem
    step = f"bring the files up to {newest}, or set end to their last session; then: {problem.step}"
    return replace(problem, step=step)


def foreign_home(settings: Settings, named_source: str) -> Problem:
    """That a home holds the market of another source than the one that is set."""
    return Problem(
        f"This home holds bars of source {settings.source}, and the settings say {named_source}, "
        "which is another market: nothing is run here until they agree",
        f"export OPTIONS_SOURCE={settings.source}, or name another home: --home FOLDER",
    )


def _of_alert(settings: Settings, alert: Alert) -> Problem:
    title = alert.title.removeprefix(f"{settings.account}: ")
    return Problem(f"{title}: {alert.text}", STEPS.get(alert.key.partition(" ")[0]))


def _of_runs(settings: Settings) -> list[Problem]:
    """The jobs of Dagster whose newest run failed."""
    try:
        failed = failed_runs(settings.dagster_home)
    except DamagedError as error:
        return [Problem(str(error), "options-platform doctor")]
    return [
        Problem(
            f"The newest run of {run.job} failed"
            + (f" on {run.ended:%Y-%m-%d %H:%M} UTC" if run.ended else "")
            + f" (run {run.run_id[:8]})"
            + (f", in {run.cause}" if run.cause else "; the web UI has why"),
            "options-platform ui",
        )
        for run in failed
    ]


def _of_stale(newest: date, planned: date | None) -> Problem:
    if planned is None:
        return Problem("Nothing is planned yet.", "options-platform backfill")
    behind = len(sessions(shift(planned, 1), newest))
    text = f"Plans end at {planned}, {count(behind, 'session')} before {newest}, the newest"
    return Problem(text, "options-platform daily")


NO_PREDICTION = "NO_PREDICTION"


def without_prediction(warehouse: Warehouse, plans: Sequence[Mapping[str, Any]]) -> Problem | None:
    """That the models predict nothing for the newest plans, and what changes it; None if they do.

    They learn from about two years of bars with a volatility index: a shorter history has to begin
    earlier, and one that is long enough to be predicted, which a backfill does.
    """
    tickers = sorted({plan["ticker"] for plan in plans if NO_PREDICTION in plan["reasons"]})
    if not tickers:
        return None
    index = warehouse.read(VIX, columns=["date", "ticker", "vix"], tickers=tickers)
    counts = dict(index.drop_nulls("vix").group_by("ticker").len().iter_rows())
    fewest = min(counts.get(ticker, 0) for ticker in tickers)
    text = f"The models give no prediction for {', '.join(tickers)}, so nothing is traded there"
    if fewest >= SESSIONS_TO_LEARN:
        return Problem(text, "options-platform backfill")
    first = shift(plans[0]["date"], -SESSIONS_TO_LEARN)
    return Problem(
        f"{text}: they learn from about {SESSIONS_TO_LEARN} sessions with a volatility index, and "
        f"{fewest:,} are stored",
        f"set start to {first} or earlier in options.toml; then: options-platform backfill",
    )


def next_step(problems: Sequence[Problem], newest: date, *, goes_on: bool) -> str:
    """What to do next, in one line.

    `goes_on` is whether the history goes on after `newest`, the newest session.
    """
    for problem in problems:
        if problem.step is not None:
            return problem.step
    if not goes_on:
        return "nothing; the history ends here. Read the results: options-platform report"
    day = shift(newest, 1)
    return f"nothing; the session {day} is run {from_midnight(day)}: options-platform daily"
