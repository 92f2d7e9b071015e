"""The variance of a report in whole chains of AAPL (2014) and NVDA (2026)."""

import math
from datetime import date

import polars as pl
import pytest

from options_platform.domain.earnings.chain_events import event_variance

JUNE, JULY = date(2014, 6, 6), date(2014, 7, 23)
BASE = 0.2


@pytest.fixture(scope="module")
def chains(reference_data):
    def read(name):
        quotes = pl.read_csv(reference_data / f"options/{name}.csv.gz", try_parse_dates=True)
        if "date" in quotes.columns:
            quotes = quotes.filter(pl.col("date") == JUNE)
        return quotes.filter(pl.col("bid") > 0, pl.col("ask") > 0).select(
            expiry="expiration",
            right="type",
            strike=pl.col("strike").cast(pl.Float64),
            mid=(pl.col("bid") + pl.col("ask")) / 2,
            quality=pl.lit(None, pl.String),
        )

    return {"AAPL": read("lean/AAPL_2014-06-06_quotes"), "NVDA": read("yahoo/NVDA_20260211T1630Z")}


def test_the_variance_around_a_report_is_that_of_the_study(chains, reference_data):
    golden = pl.read_csv(reference_data / "earnings/golden.csv")
    sigma = golden.filter(id="E2")["value"].item()
    # Six expiries before the report and two after it: the nearest two decide.
    assert math.sqrt(event_variance(chains["AAPL"], JUNE, JULY, BASE)) == pytest.approx(
        sigma, abs=0.004
    )
    fitted = event_variance(chains["NVDA"], date(2026, 2, 11), date(2026, 2, 26), BASE)
    assert math.sqrt(fitted) == pytest.approx(0.070, abs=0.006)


def test_fewer_expiries_say_less(chains):
    after = chains["AAPL"].filter(pl.col("expiry") == date(2014, 7, 25))
    calm, wild = (event_variance(after, JUNE, JULY, base) for base in (0.1, 0.2))
    assert calm > wild > 0
    # More than the whole variance of the expiry cannot be taken from it.
    assert event_variance(after, JUNE, JULY, 0.9) is None
    assert event_variance(chains["AAPL"].filter(pl.col("expiry") < JULY), JUNE, JULY, BASE) is None
    bad = after.with_columns(quality=pl.lit("WIDE"))
    assert event_variance(bad, JUNE, JULY, BASE) is None
