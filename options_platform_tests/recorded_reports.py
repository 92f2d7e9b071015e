"""Records of earnings reports, as a source's answers leave them."""

from datetime import UTC, date, datetime

import polars as pl

from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.earnings.record import Answer, lengthened

LONG_AFTER = datetime(2025, 1, 10, 5, tzinfo=UTC)


def answered(ticker, days, at=LONG_AFTER, *, timing="after_close", status="confirmed", record=None):
    """The record of a ticker after a source said at `at` that it reports on `days`."""
    frame = pl.DataFrame(
        {"date": sorted(days), "timing": timing, "source": "csv", "known_from": None},
        schema={"date": pl.Date, "timing": pl.String, "source": pl.String,
                "known_from": EARNINGS_KNOWN.schema["known_from"]},
    )  # fmt: skip
    is_past = pl.col("date") < at.date()
    told = frame.with_columns(
        status=pl.when(is_past).then(pl.lit("reported")).otherwise(pl.lit(status))
    )
    before = EARNINGS_KNOWN.empty() if record is None else record
    added = lengthened(ticker, before, Answer(told, date(1990, 1, 1), date(2025, 12, 31), at))
    return pl.concat([before.join(added, on=EARNINGS_KNOWN.key, how="anti"), added])
