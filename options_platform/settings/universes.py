"""Universes: named lists of tickers, each of which may say since when a ticker is a member.

The setting `tickers` may name a universe among tickers; its members take its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from options_platform.contracts.funds import INDEX_ETFS
from options_platform.domain.market.bars import TICKER_PATTERN
from options_platform.domain.market.index_series import may_be_stock
from options_platform.errors import SettingsError, nearest

BUILT_IN: dict[str, tuple[str, ...]] = {
    "index_etfs": INDEX_ETFS,
    "mega_caps": ("AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META from 2012-05-18"),
}
"""The universes that there are without any setting. META has been listed since that date."""

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
FROM = " from "


@dataclass(frozen=True)
class Membership:
    """What the setting `tickers` stands for.

    `tickers` are in the order of the setting, each once. `since` has the first day of those that
    only universes name, with a date; `universes` are the universes named.
    """

    tickers: tuple[str, ...]
    since: dict[str, date]
    universes: tuple[str, ...]


def expanded(names: Sequence[str], universes: Mapping[str, Sequence[str]]) -> Membership:
    """The tickers that `names`, tickers and universes, stand for.

    A ticker that is also named by itself, or by a universe without a date, has no date; of several
    dates the earliest counts. What is no ticker and no possible name is left as it is.
    Raises :class:`SettingsError` for an unknown universe, with the nearest, for a name that is
    listed twice, and for a universe that cannot be read.
    """
    members = {name: _members(name, texts) for name, texts in universes.items()}
    if len(set(names)) != len(names):
        raise SettingsError("setting tickers: a ticker is listed twice")
    first_days: dict[str, list[date | None]] = {}
    for name in names:
        if name not in members and NAME_PATTERN.fullmatch(name):
            advice = nearest(name, members)
            raise SettingsError(
                f"setting tickers: {name!r} is neither a ticker, which is in capitals, nor a "
                f"universe; {advice}"
            )
        for ticker, day in members.get(name, {name: None}).items():
            first_days.setdefault(ticker, []).append(day)
    since = {
        ticker: min(day for day in days if day is not None)
        for ticker, days in first_days.items()
        if None not in days
    }
    return Membership(tuple(first_days), since, tuple(name for name in names if name in members))


def chosen_in_hindsight(
    tickers: Sequence[str], since: Mapping[str, date], funds: Sequence[str] = ()
) -> list[str]:
    """The stocks of `tickers` of which nothing says when they were chosen.

    A date of a universe of one's own says it; those of `BUILT_IN` only say when a stock was listed.
    `funds` are tickers that are no stocks, beside the known ones.
    """
    listed = {
        ticker: day for name, texts in BUILT_IN.items()
        for ticker, day in _members(name, texts).items() if day is not None
    }  # fmt: skip
    return [
        ticker
        for ticker in tickers
        if may_be_stock(ticker, funds)
        and (ticker not in since or since[ticker] == listed.get(ticker))
    ]


def _members(universe: str, texts: Sequence[str]) -> dict[str, date | None]:
    """The tickers of a universe, each with its date; None without one."""
    where = f"setting universes.{universe}"
    if not NAME_PATTERN.fullmatch(universe):
        raise SettingsError(f"{where}: a universe is named in small letters, as my_stocks")
    if not texts:
        raise SettingsError(f"{where}: at least one ticker is needed, e.g. AAPL")
    members: dict[str, date | None] = {}
    for text in texts:
        ticker, _, day = text.partition(FROM)
        if TICKER_PATTERN.fullmatch(ticker) is None or ticker in members:
            fault = "is listed twice" if ticker in members else "is no ticker"
            raise SettingsError(f"{where}: {ticker!r} {fault}; write AAPL or META from 2012-05-18")
        try:
            members[ticker] = date.fromisoformat(day) if FROM in text else None
        except ValueError:
            raise SettingsError(
                f"{where}: {text!r} has no date; write {ticker} from 2012-05-18"
            ) from None
    return members
