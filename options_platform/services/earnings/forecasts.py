"""`earnings_forecast`: the size of the next report's move, forecast on each session before it."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import KEY, PartitionRange
from options_platform.contracts import EARNINGS_FORECAST, EARNINGS_KNOWN
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.earnings.anchors import sessions_to
from options_platform.domain.earnings.crush import expected_crush
from options_platform.domain.earnings.event_variance import event_share
from options_platform.domain.earnings.known_dates import KnownDates, Report
from options_platform.domain.earnings.moves import EVENTS
from options_platform.domain.earnings.straddles import expected_move, implied_move
from options_platform.models.earnings_moves.folds import GAMMA, TICKER_MEAN, known_before
from options_platform.models.earnings_moves.gamma import INPUTS, predict_gamma
from options_platform.models.earnings_moves.walk import MonthModel, month_models
from options_platform.models.training import FoldStore
from options_platform.services.earnings.events import chain_variance
from options_platform.services.earnings.histories import (
    FEWEST_EVENTS,
    Fact,
    History,
    Inputs,
    event_rows,
)
from options_platform.services.earnings.stored import stored_series
from options_platform.services.market_data.platform import Platform

FARTHEST_SESSIONS = 20
Due = tuple[date, History, Report, int]
"""A session, the ticker's history, its next report as known then, and the sessions to it."""


def update_forecasts(
    platform: Platform, selected: PartitionRange, store: FoldStore
) -> pl.DataFrame:
    """Compute and store the forecasts of the range; the rows that were stored.

    The model of a month is fitted on the reports of all tickers of the settings that were known
    before it. A session without a bar has no row.
    """
    empty = EARNINGS_FORECAST.empty()
    record = platform.warehouse.read(EARNINGS_KNOWN, tickers=platform.settings.tickers)
    if record.is_empty():
        return empty
    with_reports = set(record["ticker"].to_list())
    tickers = [ticker for ticker in platform.settings.tickers if ticker in with_reports]
    series = stored_series(platform, tickers, selected.end)
    rules = platform.settings.earnings
    histories = {
        ticker: History(ticker, KnownDates(ticker, record, rules), series[ticker], selected.end)
        for ticker in tickers
    }
    wanted = [histories[ticker] for ticker in selected.tickers if ticker in histories]
    due = [each for history in wanted for each in _due(history, selected)]
    months = sorted({day.replace(day=1) for day, *_ in due})
    pool = list(histories.values())
    events = {
        f"{month:%Y-%m}": known_before(event_rows(pool, shift(month, -1)), month)
        for month in months
    }
    models = month_models(events, store, platform.progress)
    stored = set(platform.chains.stored(tickers=tickers, start=selected.start, end=selected.end))
    rows = [_row(platform, each, models, stored) for each in due]
    made = pl.DataFrame(rows, schema=EARNINGS_FORECAST.schema).sort(KEY)
    _store(platform, selected, made)
    return made


def _store(platform: Platform, selected: PartitionRange, made: pl.DataFrame) -> None:
    """Replace the rows of the range; a report that moved away leaves sessions without one."""
    if made.height:
        platform.warehouse.write([(EARNINGS_FORECAST, made)], scope=selected)
        return
    scope = {"tickers": selected.tickers, "start": selected.start, "end": selected.end}
    stored = platform.warehouse.read(EARNINGS_FORECAST, columns=KEY, **scope)  # type: ignore[arg-type]
    if stored.height:
        platform.warehouse.remove([(EARNINGS_FORECAST, stored)])


def _due(history: History, selected: PartitionRange) -> list[Due]:
    """The sessions of the range with a bar and a report at most 20 sessions ahead."""
    with_bar = set(history.series.bars["date"].to_list())
    due: list[Due] = []
    for session in sessions(selected.start, selected.end):
        if session not in with_bar:
            continue
        report = history.next(session)
        # More than 20 sessions are at least 28 days; this spares counting them.
        if report is None or report.anchor > session + timedelta(days=2 * FARTHEST_SESSIONS):
            continue
        left = sessions_to(session, report.anchor)
        if left <= FARTHEST_SESSIONS:
            due.append((session, history, report, left))
    return due


def _row(
    platform: Platform, due: Due, models: dict[str, MonthModel], stored: set[tuple[date, str]]
) -> dict[str, Any]:
    session, history, report, left = due
    month = f"{session:%Y-%m}"
    model = models[month]
    past = history.past(session)
    inputs = history.inputs(session, past)
    made = _sizes(model, inputs)
    size = made[GAMMA] if model.fold.champion == GAMMA else None
    name = TICKER_MEAN if size is None else GAMMA
    size = made[TICKER_MEAN] if size is None else size
    variance = None
    if (session, history.ticker) in stored:
        reactions = [fact.reaction for fact in past]
        variance = chain_variance(
            platform, history.ticker, session, report.reaction, history.series, reactions
        )
    priced = None if variance is None else implied_move(variance)
    expected = size
    if size is not None and variance is not None:
        expected = expected_move(math.sqrt(variance), size)
    return {
        "date": session,
        "ticker": history.ticker,
        "report_date": report.day,
        "anchor": report.anchor,
        "status": report.status,
        "days_to_earnings": left,
        "events": len(past),
        "model": None if size is None else name,
        "expected_move": expected,
        **{
            quantile: None if expected is None else ratio * expected
            for quantile, ratio in model.fold.quantiles.items()
        },
        "implied_move": priced,
        "ratio": priced / size if priced is not None and size else None,
        "expected_crush": _crush(history, session, past, variance),
        **made,
        "p_value": model.fold.gate.p_value if model.fold.fit is not None else None,
        "fold": month,
        "model_id": model.model_id,
    }


def _sizes(model: MonthModel, inputs: Inputs) -> dict[str, float | None]:
    """The forecast of the regression and the naive ones; null where an input is missing."""
    gamma = None
    values = [inputs[name] for name in INPUTS]
    if model.fold.fit is not None and None not in values:
        gamma = float(predict_gamma(model.fold.fit, np.array([values], dtype=np.float64))[0])
    scaled = {}
    for name in ("vol_60", "vix"):
        value, constant = inputs[name], model.fold.constants.get(name)
        scaled[name] = None if value is None or constant is None else value * constant
    return {GAMMA: gamma, TICKER_MEAN: inputs["mean_all"], "mean_8": inputs["mean_8"], **scaled}


def _crush(
    history: History, session: date, past: tuple[Fact, ...], variance: float | None
) -> float | None:
    """The expected change of the ticker's own 30-day volatility at the reaction.

    From the variance that a chain prices for the report, else the mean of its last eight falls (at
    least four). On AAPL and AMZN, 2013 to 2022, that mean was 7 points off, and a fall computed
    from the expected move 21: these indices hold less of a report than it moves.
    """
    own = history.own_iv(session)
    if variance is not None and own is not None:
        share = event_share(variance, own)
        return expected_crush(share) if share < 1.0 else None
    falls = [fact.crush for fact in past if fact.crush is not None][-EVENTS:]
    return sum(falls) / len(falls) if len(falls) >= FEWEST_EVENTS else None
