"""The formulas reproduce the golden values of a study on real prices, dates and quotes."""

import math
from datetime import date

import polars as pl
import pytest

from options_platform.domain.calendar.sessions import last_trading_days, sessions
from options_platform.domain.earnings.anchors import (
    anchor_of,
    reaction_of,
    sessions_since,
    sessions_to,
    spans,
    with_anchors,
)
from options_platform.domain.earnings.crush import iv_crush, sigma_from_crush
from options_platform.domain.earnings.event_variance import fitted, forward_vol, from_two_expiries
from options_platform.domain.earnings.market_relation import market_relation, relative_strength
from options_platform.domain.earnings.moves import mean_move, rms_move, with_moves
from options_platform.domain.earnings.straddles import (
    implied_move,
    parity_forward,
    straddle_share,
    total_variance,
)

BEFORE_THE_OPEN = {("MSFT", date(2009, 1, 22)), ("MSFT", date(2009, 10, 23))}


@pytest.fixture(scope="module")
def golden(reference_data):
    rows = pl.read_csv(reference_data / "earnings/golden.csv", try_parse_dates=True)
    assert rows.height == 77
    return {row["id"]: row for row in rows.to_dicts()}


@pytest.fixture(scope="module")
def prices(reference_data):
    folder = reference_data / "prices"
    tickers = ("AAPL", "AMZN", "GOOGL", "MSFT", "NVDA", "SPY")
    return {t: pl.read_csv(folder / f"{t}.csv", try_parse_dates=True) for t in tickers}


@pytest.fixture(scope="module")
def moves(reference_data, prices):
    """The moves of every report whose date the study found right, by ticker."""
    given = pl.read_csv(reference_data / "earnings/events_2000_2024.csv", try_parse_dates=True)
    found = {}
    for (ticker,), rows in given.group_by("ticker"):
        timing = [
            "before_open" if (ticker, day) in BEFORE_THE_OPEN else None for day in rows["rep"]
        ]
        reports = with_anchors(pl.DataFrame({"date": rows["rep"], "timing": timing}))
        found[ticker] = with_moves(reports, prices["GOOGL" if ticker == "GOOG" else ticker])
    return found


def holds(golden, name, value):
    row = golden.pop(name)
    assert value == pytest.approx(row["value"], abs=max(row["tolerance"], 1e-12)), row["what"]


def test_every_golden_value_is_reproduced(golden, prices, moves, reference_data):
    golden = dict(golden)
    _straddles(golden, reference_data / "options/earnings_straddles")
    _moves(golden, moves)
    _histories(golden, moves)
    _market(golden, prices)
    _crushes(golden, reference_data / "vol")
    _event_variances(golden, reference_data / "options")
    _calendar(golden)
    assert not golden, f"not computed: {', '.join(golden)}"


def _straddles(golden, folder):
    for number in range(1, 7):
        row = golden[f"S{number}a"]
        quotes = pl.read_csv(folder / f"{row['ticker']}.csv", try_parse_dates=True)
        quotes = quotes.filter(pl.col("date") == row["date"])
        mid = {r["type"]: (r["bid"] + r["ask"]) / 2 for r in quotes.to_dicts()}
        pair = (quotes["strike"][0], mid["call"], mid["put"])
        holds(golden, f"S{number}a", parity_forward(*pair))
        holds(golden, f"S{number}b", straddle_share(*pair))
        holds(golden, f"S{number}c", total_variance(*pair))
        holds(golden, f"S{number}d", implied_move(total_variance(*pair)))


def _moves(golden, moves):
    for number in range(1, 8):
        row = golden[f"M{number}a"]
        of_ticker = moves["GOOG" if "GOOG" in row["ticker"] and "GOOG" in moves else row["ticker"]]
        report = of_ticker.row(by_predicate=pl.col("date") == row["date"], named=True)
        holds(golden, f"M{number}a", report["earnings_move"])
        holds(golden, f"M{number}b", report["earnings_gap"])
        if row["date"] == date(2023, 2, 2):
            # A date that is a day early gives another move, which is the reason for the checks.
            assert abs(golden["T1"]["value"] - report["earnings_move"]) > 0.09


def _histories(golden, moves):
    for number in range(1, 5):
        row = golden[f"H{number}a"]
        before = moves[row["ticker"]].filter(pl.col("date") < row["date"]).sort("date")
        holds(golden, f"H{number}a", mean_move(before["earnings_move"].to_numpy()))
        holds(golden, f"H{number}b", rms_move(before["earnings_move"].to_numpy()))


def _market(golden, prices):
    for number in range(1, 4):
        row = golden[f"X{number}a"]
        both = prices[row["ticker"]].join(prices["SPY"], on="date", suffix="_spy").sort("date")
        own, index = both["close"].to_numpy(), both["close_spy"].to_numpy()
        relation = market_relation(own, index)
        holds(golden, f"X{number}a", relation.beta)
        holds(golden, f"X{number}b", relation.corr)
        holds(golden, f"X{number}c", relation.idio_vol)
        holds(golden, f"X{number}d", relative_strength(own, index, 20))
        holds(golden, f"X{number}e", relative_strength(own, index, 60))


def _crushes(golden, folder):
    for number, name in ((1, "VXAPL"), (2, "VXAZN"), (3, "VXAPL")):
        series = pl.read_csv(folder / f"{name}.csv", try_parse_dates=True)
        closes = dict(series.select("date", pl.col("close") / 100.0).rows())
        anchor = golden[f"C{number}a"]["date"]
        around = (closes[anchor], closes[reaction_of(anchor)])
        holds(golden, f"C{number}a", iv_crush(*around))
        holds(golden, f"C{number}b", sigma_from_crush(*around))


def _event_variances(golden, folder):
    day = date(2026, 2, 11)
    nvda = _variances(folder / "yahoo/NVDA_20260211T1630Z.csv.gz", day, "expiration")
    (w1, n1), (w2, n2) = (nvda[expiry] for expiry in (date(2026, 2, 20), date(2026, 2, 27)))
    holds(golden, "E1", from_two_expiries(w1, n1, w2, n2))
    listed = [(w, n, e > date(2026, 2, 25)) for e, (w, n) in sorted(nvda.items()) if n >= 2]
    fit = fitted(*zip(*listed[:9], strict=True))[1]
    assert math.sqrt(fit) == pytest.approx(0.070, abs=0.006)
    aapl = _variances(folder / "lean/AAPL_2014-06-06_quotes.csv.gz", date(2014, 6, 6), "expiration")
    (w1, n1), (w2, n2) = (aapl[expiry] for expiry in (date(2014, 7, 19), date(2014, 7, 25)))
    holds(golden, "E2", math.sqrt(from_two_expiries(w1, n1, w2, n2)))
    goog = _variances(
        folder / "lean/GOOG_2015-12-24_quotes.csv.gz", date(2015, 12, 24), "expiration"
    )
    first, second, third = (
        goog[d] for d in (date(2016, 1, 22), date(2016, 1, 29), date(2016, 2, 5))
    )
    holds(golden, "E3", forward_vol(*first, *second))
    holds(golden, "E4", forward_vol(*second, *third))


def _variances(path, day, expiry):
    """Total variance at the money and sessions to each expiry: call and put nearest the forward."""
    quotes = pl.read_csv(path, try_parse_dates=True).filter(pl.col("bid") > 0, pl.col("ask") > 0)
    quotes = quotes.with_columns(mid=(pl.col("bid") + pl.col("ask")) / 2)
    pairs = (
        quotes.filter(pl.col("type") == "call")
        .join(quotes.filter(pl.col("type") == "put"), on=[expiry, "strike"], suffix="_put")
        .with_columns(apart=(pl.col("mid") - pl.col("mid_put")).abs())
        .sort("apart")
    )
    nearest = pairs.group_by(expiry, maintain_order=True).first()
    found = {}
    for row in nearest.filter(
        pl.col(expiry).is_between(day, date(day.year + 1, 6, 30), closed="right")
    ).to_dicts():
        last = last_trading_days(pl.Series([row[expiry]]))[0]
        sessions_left = len(sessions(day, last)) - 1
        found[row[expiry]] = (
            total_variance(row["strike"], row["mid"], row["mid_put"]), sessions_left,
        )  # fmt: skip
    return found


def _calendar(golden):
    report, expiry = date(2024, 10, 31), date(2024, 11, 15)
    anchor, bought = anchor_of(report, "after_close"), date(2024, 10, 28)
    holds(golden, "B1", float(spans(bought, expiry, anchor)))
    holds(golden, "B2", float(spans(bought, report, anchor)))
    early = anchor_of(date(2009, 1, 22), "before_open")
    holds(golden, "B3", float(spans(date(2009, 1, 21), date(2009, 1, 23), early)))
    holds(golden, "D1", sessions_to(bought, anchor))
    holds(golden, "D2", sessions_since(reaction_of(anchor), date(2024, 11, 5)))
    golden.pop("T1")
