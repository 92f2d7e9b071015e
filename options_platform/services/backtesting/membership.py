"""What a backtest may trade when, by the universes of its tickers, and what was chosen too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from options_platform.services.backtesting.run import BacktestData
from options_platform.settings import Settings
from options_platform.settings.universes import chosen_in_hindsight, expanded


def of_members(data: BacktestData, settings: Settings) -> BacktestData:
    """The data without plans of a ticker before the day of its membership, and with its stocks
    that were chosen in hindsight. Baselines hold nothing earlier either."""
    joined = pl.lit(value=True)
    for ticker, day in settings.members_since.items():
        joined &= (pl.col("ticker") != ticker) | (pl.col("date") >= day)
    inputs = data.inputs.filter(joined) if settings.members_since else data.inputs
    late = tuple(late_stocks(settings, data.market.tickers))
    return replace(data, inputs=inputs, hindsight=late, members_since=settings.members_since)


def with_universes(settings: Settings, names: Sequence[str]) -> tuple[Settings, tuple[str, ...]]:
    """The settings with the days of membership of the universes among `names`, and the tickers
    that `names` stand for; SettingsError for an unknown universe, see :func:`expanded`."""
    members = expanded(names, settings.universes)
    since = settings.members_since | members.since
    return replace(settings, members_since=since), members.tickers


def late_stocks(settings: Settings, tickers: Sequence[str]) -> list[str]:
    """The stocks of `tickers` of which the settings do not say when they were chosen."""
    funds = settings.plan.chain.surface.funds
    return chosen_in_hindsight(tickers, settings.members_since, funds)


def hindsight_note(stocks: Sequence[str]) -> str | None:
    """One line on stocks that were chosen in hindsight; None without any."""
    if not stocks:
        return None
    return (
        f"Chosen in hindsight: {', '.join(stocks)}. Stocks that are known today did well before, "
        "so results over past years are better than a choice made then would have had; a universe "
        f'with "{stocks[0]} from DATE" says when each was chosen.'
    )
