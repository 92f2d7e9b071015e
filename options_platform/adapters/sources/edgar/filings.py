"""Reads the SEC's answers: the companies by ticker, and the filings of one that report results."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

import polars as pl

from options_platform.adapters.ports.market_data import EARNINGS_SCHEMA
from options_platform.adapters.sources.http.retry import FetchError
from options_platform.domain.calendar.sessions import NEW_YORK, OPEN, REGULAR_CLOSE

FORM = "8-K"
# Results of operations: item 2.02 of form 8-K, which was item 12 before.
RESULTS, FORMER_RESULTS, RENUMBERED = "2.02", "12", date(2004, 8, 23)


def company_numbers(answer: Any) -> dict[str, int]:
    """The SEC's number (CIK) of each company by ticker, as in BRK-B."""
    try:
        return {row["ticker"].upper(): int(row["cik_str"]) for row in answer.values()}
    except (AttributeError, LookupError, TypeError, ValueError):
        raise FetchError("the list of companies cannot be read") from None


def older_pages(answer: Any, start: date) -> list[str]:
    """The names of the pages with the filings since `start` that are not in the first answer."""
    try:
        pages = answer["filings"]["files"]
        return [page["name"] for page in pages if date.fromisoformat(page["filingTo"]) >= start]
    except (LookupError, TypeError, ValueError):
        raise FetchError("the list of filings cannot be read") from None


def reports(ticker: str, filings: Any) -> pl.DataFrame:
    """The filings that report results, by date; other filings are no reports.

    The columns are EARNINGS_SCHEMA's and `status`, reported: what is filed is out.

    `filings` has lists of equal length: form, items and acceptanceDateTime, which is in UTC. Of two
    filings on one day the first counts. FetchError for an answer that cannot be read.
    """
    try:
        accepted = sorted(_accepted(filings))
    except (LookupError, TypeError, ValueError, AttributeError):
        raise FetchError("a filing cannot be read") from None
    table = pl.DataFrame(
        {
            "date": [at.date() for at in accepted],
            "ticker": ticker,
            "timing": [_timing(at.time()) for at in accepted],
            "eps_estimate": None,
            "eps_reported": None,
            "source": "edgar",
            "status": "reported",
        },
        schema={**EARNINGS_SCHEMA, "status": pl.String()},
    )
    return table.unique("date", keep="first", maintain_order=True)


def _accepted(filings: Any) -> Iterator[datetime]:
    """When each filing with results was accepted, in New York."""
    columns = (filings[name] for name in ("form", "items", "acceptanceDateTime"))
    for form, items, accepted in zip(*columns, strict=True):
        if form != FORM:
            continue
        at = datetime.fromisoformat(accepted).astimezone(NEW_YORK)
        named = {item.strip() for item in items.split(",")}
        if RESULTS in named or (FORMER_RESULTS in named and at.date() < RENUMBERED):
            yield at


def _timing(at: time) -> str | None:
    if at >= REGULAR_CLOSE:
        return "after_close"
    return "before_open" if at < OPEN else None
