"""Figures of the platform: alerts and their delivery, heartbeat, runs, daemons, freshness."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from options_platform.adapters.storage.dagster_pulse import heartbeats
from options_platform.adapters.storage.recent_runs import run_counts
from options_platform.contracts import RAW_OHLCV, TRADE_PLAN
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.domain.trading.alert_kinds import KINDS, OTHER, SEVERITIES, kind_of
from options_platform.domain.trading.alerts import Alert
from options_platform.errors import DamagedError
from options_platform.reporting.metrics.exposition import Metric
from options_platform.services.alerting.conditions import outbox_of
from options_platform.services.market_data.inventory import open_entries
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.home_copy import HomeCopy
from options_platform.settings import Settings


def alert_metrics(settings: Settings, copy: HomeCopy, now: datetime) -> Iterator[Metric]:
    """The alerts that hold now, by kind, and who has seen them; what waits to be delivered."""
    outbox = outbox_of(settings)
    noted = {alert.key: alert for alert in outbox.lasting()}
    holding = alerts_of(settings, copy.ledger, now, warehouse=copy.warehouse)
    alerts = {alert.key: alert for alert in holding}
    of_record = {key: Alert(key, one.title, one.text) for key, one in noted.items()
                 if key.startswith("forward ")}  # fmt: skip
    held = Counter(kind_of(key).name for key in alerts | of_record)
    active = Metric("alert_active", "Alerts of a kind that hold now.")
    for kind in (one for one in (*KINDS, OTHER) if not one.is_event):
        active.add(held[kind.name], alert=kind.name, severity=kind.severity)
    yield active
    seen = {key for key, one in noted.items() if one.acknowledged_at is not None}
    unseen = Counter(kind_of(key).severity for key in (alerts | of_record).keys() - seen)
    left = Metric("alerts_unacknowledged", "Alerts that hold and that nobody has acknowledged.")
    for severity in SEVERITIES:
        left.add(unseen[severity], severity=severity)
    yield left
    waiting = outbox.undelivered()
    yield Metric("alert_messages_waiting", "Messages that no address has accepted yet.").add(
        len(waiting)
    )
    oldest = min((message.made_at for message in waiting), default=None)
    yield Metric(
        "alert_message_oldest_waiting_timestamp_seconds", "When the oldest of them was written."
    ).add(oldest)
    answered = outbox.newest_run(answered=True)
    yield Metric(
        "heartbeat_answered_timestamp_seconds", "When the outside watcher answered last."
    ).add(None if answered is None else answered.answered_at)


def run_metrics(settings: Settings) -> Iterator[Metric]:
    """Dagster's runs by job, and the signs of life of its daemons.

    Raises :class:`DamagedError` if its databases cannot be read.
    """
    runs = Metric("runs", "Runs of Dagster that are stored, by job and status.")
    ended = Metric("run_ended_timestamp_seconds", "When the newest run of the status ended.")
    took = Metric("run_duration_seconds", "How long it took.")
    for row in run_counts(settings.dagster_home):
        labels = {"job": row.job, "status": row.status}
        runs.add(row.runs, **labels)
        ended.add(row.ended, **labels)
        took.add(row.seconds, **labels)
    yield from (runs, ended, took)
    beats = Metric("daemon_heartbeat_timestamp_seconds", "Newest sign of life of a daemon.")
    try:
        for name, at in heartbeats(settings.dagster_home).items():
            beats.add(at, daemon=name.lower())
    except sqlite3.Error as error:
        raise DamagedError(settings.dagster_home, str(error)) from error
    yield beats


def data_metrics(settings: Settings, copy: HomeCopy, now: datetime) -> Iterator[Metric]:
    """How old the copy and its tables are, and what is set aside."""
    yield Metric("published_timestamp_seconds", "When the copy that is read was published.").add(
        copy.published_at
    )
    newest = newest_date(settings, now)
    behind = Metric("table_sessions_behind", "Sessions that a table has to catch up.")
    for table in (RAW_OHLCV, FEATURES_TABLE, TRADE_PLAN):
        dates = copy.warehouse.read(table, columns=["date", "ticker"], tickers=settings.tickers)
        last = dates["date"].max()
        if last is not None:
            begin = shift(last, 1)  # type: ignore[arg-type]
            late = len(sessions(begin, newest)) if begin <= newest else 0
            behind.add(late, table=table.name)
    yield behind
    aside, warnings = open_entries(copy.warehouse)
    yield (
        Metric("quarantine_rows", "Rows that wait for a decision.")
        .add(aside, severity="set_aside")
        .add(warnings, severity="warning")
    )
