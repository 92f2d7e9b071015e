import hashlib
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.sources.simulated import SimulatedSource
from options_platform.adapters.sources.simulated_market import days, index_of_ticker, reports_of
from options_platform.adapters.sources.simulated_reports import priced
from options_platform.domain.earnings.anchors import with_anchors

SPAN = (date(2005, 1, 3), date(2025, 6, 30))
TICKERS = ("AAPL", "AMZN", "GOOGL", "GS", "IBM", "META", "MSFT", "NVDA")
# Digests of the series before stocks had reports.
FUNDS = {"SPY": "e6e623c6b126ca7e", "QQQ": "e9b8c8a51a297a2b", "IWM": "2bba3be52391f192"}


@pytest.fixture(scope="module")
def shown():
    """By ticker the sigma and the kurtosis of its jumps, its ramp and its crush."""
    source, at = SimulatedSource(7), {day: place for place, day in enumerate(days())}
    rows = []
    for ticker in TICKERS:
        reports = with_anchors(source.earnings(ticker, *SPAN).filter(status="reported"))
        bars = source.bars(ticker, *SPAN)
        is_reaction = bars["date"].is_in(reports["reaction"].implode()).to_numpy()[1:]
        moves = np.diff(np.log(bars["close"].to_numpy()))
        usual = moves[~is_reaction]
        iv = dict(index_of_ticker(7, ticker).select("date", "close").iter_rows())
        pairs = reports.select("anchor", "reaction").rows()
        before = [iv[days()[at[anchor] - 20]] for anchor, _ in pairs]
        rows.append(
            {
                "jump": np.sqrt(moves[is_reaction].var() - usual.var()),
                "tails": np.mean(usual**4) / np.mean(usual**2) ** 2,
                "ramp": np.median([iv[pair[0]] / old - 1.0 for pair, old in zip(pairs, before,
                                   strict=True)]),
                "crush": np.median([iv[after] / iv[anchor] - 1.0 for anchor, after in pairs]),
            }
        )  # fmt: skip
    return pl.DataFrame(rows)


def test_a_report_moves_a_stock_by_5_to_8_percent(shown):
    assert shown["jump"].is_between(0.04, 0.09).all()
    assert shown["jump"].mean() == pytest.approx(0.065, abs=0.01)


def test_volatility_rises_by_13_percent_before_a_report_and_falls_by_20_after(shown):
    assert shown["ramp"].is_between(0.08, 0.2).all()
    assert shown["ramp"].mean() == pytest.approx(0.13, abs=0.03)
    assert shown["crush"].is_between(-0.25, -0.15).all()
    assert shown["crush"].mean() == pytest.approx(-0.2, abs=0.025)


def test_daily_moves_have_fat_tails(shown):
    assert (shown["tails"] > 4.0).all()


def test_the_index_of_a_stock_is_its_own_volatility_with_ramp_and_crush():
    source = SimulatedSource(7)
    index = source.index_bars("VXAPL", *SPAN)
    own = index_of_ticker(7, "AAPL").filter(pl.col("date").is_between(*SPAN))
    assert index["close"].equals(own["close"])
    assert index["symbol"].unique().to_list() == ["VXAPL"]


def test_options_go_by_the_date_that_stands_at_a_close():
    calendar = days()
    rows = reports_of(7, "AAPL")
    moved = rows.filter(pl.col("date").n_unique().over("number") > 1)
    assert moved["number"].n_unique() > 10
    asked = priced(rows, calendar, 1.0)
    at = {day: place for place, day in enumerate(calendar)}
    early = rows["timing"].drop_nulls()[0] == "before_open"
    for report in moved.partition_by("number"):
        first, *_, last, _ = report.sort("known_from").iter_rows(named=True)
        moved_on = next(at[day] for day in calendar if day >= last["known_from"].date())
        assert asked.anchor[moved_on - 1] == at[first["date"]] - early
        assert asked.anchor[moved_on] == at[last["date"]] - early
        # After the last possible anchor nothing of this report is priced.
        gone = max(first["date"], last["date"])
        assert asked.anchor[at[gone] + 1] > at[gone]


def test_the_series_of_funds_are_what_they_were():
    source = SimulatedSource(7)
    for ticker, digest in FUNDS.items():
        csv = source.bars(ticker, date(2000, 1, 3), date(2026, 6, 30)).write_csv()
        assert hashlib.sha256(csv.encode()).hexdigest()[:16] == digest
