"""yfinance, made to fail aloud and to keep nothing on disk; it is imported when first used."""

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
    """yfinance's Ticker over `session`."""
    import yfinance

    # Where no folder can be, yfinance keeps its cookies in memory. Its SQLite files break when
    # several processes make them, or store the same cookie, at once.
    yfinance.set_tz_cache_location(NO_FOLDER)
    ticker = yfinance.Ticker(symbol, session=session)
    # Else yfinance asks for the zone first, and keeps a refusal as it keeps an answer, so that a
    # second try would be answered from memory.
    ticker._tz = str(NEW_YORK)  # noqa: SLF001
    return ticker


@contextmanager
def raised_errors() -> Iterator[None]:
    """yfinance's errors raised, not logged, those about an odd answer as FetchError."""
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
