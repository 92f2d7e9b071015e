"""What the planned entries of a session rest on, for :func:`options_platform.domain.risk.stale`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.risk import OrderBasis
from options_platform.domain.trading.exposures import DatedClose


def order_bases(
    plans: pl.DataFrame,
    legs: pl.DataFrame,
    closes: Mapping[str, DatedClose],
    session: date,
    folds: Mapping[str, str] | None,
) -> dict[str, OrderBasis]:
    """By plan_id, at the close of `session`.

    Args:
        plans: trades of `trade_plan`.
        legs: their rows of `trade_plan_legs`.
        closes: the newest known close of each ticker.
        session: the newest session.
        folds: by ticker the month (YYYY-MM) that its model was trained to predict; None where the
            plans come from no model, which then has age 0.
    """
    quotes: dict[str, list[tuple[float, float]]] = {}
    sides = legs.select("plan_id", pl.col("bid", "ask").fill_null(float("nan")))
    for plan, bid, ask in sides.iter_rows():
        quotes.setdefault(plan, []).append((bid, ask))
    bases = {}
    for plan, planned_on, ticker, spot in plans.select(
        "plan_id", "date", "ticker", "spot"
    ).iter_rows():
        at = closes.get(ticker)
        bases[plan] = OrderBasis(
            plan_age_sessions=len(sessions(planned_on, session)),
            data_age_sessions=None if at is None else len(sessions(at.session, session)),
            model_age_sessions=_model_age(folds, ticker, session),
            plan_spot=spot,
            spot=None if at is None else at.close.spot,
            quotes=tuple(quotes.get(plan, ())),
        )
    return bases


def _model_age(folds: Mapping[str, str] | None, ticker: str, session: date) -> int | None:
    """Sessions since the first that the model was trained for; None if that is not known."""
    if folds is None:
        return 0
    month = folds.get(ticker)
    return None if month is None else len(sessions(date.fromisoformat(f"{month}-01"), session))
