"""Makes yfinance raise its errors and keep nothing on disk; it is imported when first used."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from options_platform.adapters.sources.http.retry import FetchError
from options_platform.domain.calendar.sessions import NEW_YORK

NO_FOLDER = str(Path(os.devnull) / "none")


def open_symbol(symbol: str, session: Any) -> Any:
    """A yfinance Ticker that uses `session`."""
    import yfinance

    # With an impossible folder yfinance keeps its cookies in memory. Its SQLite files break when
    # several processes create them, or store the same cookie, at once.
    yfinance.set_tz_cache_location(NO_FOLDER)
    ticker = yfinance.Ticker(symbol, session=session)
    # Otherwise yfinance first asks for the time zone and caches even an error, so that a retry
    # would get the cached error.
    ticker._tz = str(NEW_YORK)  # noqa: SLF001
    return ticker


@contextmanager
def raised_errors() -> Iterator[None]:
    """Make yfinance raise errors, not log them; an answer it cannot read becomes FetchError."""
    import yfinance

    debug, logger = yfinance.config.debug, logging.getLogger("yfinance")
    before, level = debug.hide_exceptions, logger.level
    debug.hide_exceptions = False
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    except FetchError:
        raise
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")[:160]
        raise FetchError(
            f"yfinance cannot read the answer: {type(error).__name__}: {first}"
        ) from error
    finally:
        debug.hide_exceptions = before
        logger.setLevel(level)
