"""The family `earnings`: golden values; no row depends on what was known later."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.earnings.calibration import STOCK_VOL
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.known_sessions import newest_reactions
from options_platform.domain.earnings.record import Answer, lengthened
from options_platform.domain.earnings.report_rows import earnings_features
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.features.report_features import EARNINGS
from options_platform.domain.features.table import EARNINGS_FEATURES_TABLE

START, FETCHED = date(2022, 1, 3), datetime(2025, 1, 2, tzinfo=UTC)
TICKERS = ("AAPL", "AMZN", "MSFT", "NVDA")
VERSION = ["family_version"]


def no_chain(day, ticker):
    return None


def iv_of(bars):
    """A volatility of each stock's own, which moves with its price."""
    level = 0.3 + 0.01 * (pl.col("close") % 7.0)
    stocks = bars.filter(pl.col("ticker") != "SPY")
    return stocks.select("date", "ticker", iv=level)


@pytest.fixture(scope="module")
def bars(reference_data):
    frames = [
        pl.read_csv(reference_data / f"prices/{ticker}.csv", try_parse_dates=True).select(
            "date", "open", "close", ticker=pl.lit(ticker)
        )
        for ticker in (*TICKERS, "SPY")
    ]
    return pl.concat(frames).filter(pl.col("date") >= START)


@pytest.fixture(scope="module")
def reports(reference_data):
    rows = pl.read_csv(reference_data / "earnings/events_2000_2024.csv", try_parse_dates=True)
    return rows.select("ticker", date="rep").unique().sort("ticker", "date")


def dates_of(reports, *answers):
    """What is known of each ticker after a first answer, and what later ones moved."""
    known = {}
    for ticker in TICKERS:
        record = EARNINGS_KNOWN.empty()
        for at, rows in ((FETCHED, reports), *answers):
            days = rows.filter(pl.col("ticker") == ticker)["date"]
            told = pl.DataFrame(
                {"date": days, "timing": "after_close", "status": "reported", "source": "csv"}
            ).with_columns(known_from=pl.lit(None, EARNINGS_KNOWN.schema["known_from"]))
            added = lengthened(ticker, record, Answer(told, date(2000, 1, 1), date(2025, 5, 1), at))
            kept = record.join(added, on=EARNINGS_KNOWN.key, how="anti")
            record = pl.concat([kept, added])
        known[ticker] = KnownDates(ticker, record, EarningsRules())
    return known


@pytest.fixture(scope="module")
def rows(bars, reports):
    return earnings_features(bars, iv_of(bars), dates_of(reports), no_chain)


def at(rows, ticker, day):
    return rows.row(by_predicate=(pl.col("date") == day) & (pl.col("ticker") == ticker), named=True)


def test_days_and_past_moves_are_the_golden_ones(rows, reference_data):
    golden = pl.read_csv(reference_data / "earnings/golden.csv", try_parse_dates=True)
    names = {"hist_move_mean_8": "H", "hist_move_rms_8": "H", "days_to_earnings": "D1"}
    compared = 0
    for row in golden.to_dicts():
        name = row["what"].split(" ")[0]
        if not row["id"].startswith(names.get(name, "D2")):
            continue
        # The golden history is of the eight reports before; the row of the anchor knows these.
        found = at(rows, row["ticker"], row["date"])[name]
        assert found == pytest.approx(row["value"], abs=max(row["tolerance"], 1e-12)), row["id"]
        compared += 1
    assert compared >= 4


def test_a_fund_has_a_row_each_session_and_no_value(rows, bars):
    fund = rows.filter(pl.col("ticker") == "SPY")
    assert fund.height == bars.filter(pl.col("ticker") == "SPY").height
    values = fund.drop("date", "ticker", *VERSION)
    assert values.null_count().sum_horizontal().item() == values.height * values.width
    assert EARNINGS_FEATURES_TABLE.validate(rows).height == bars.height


def test_a_reaction_is_left_out_of_volatility(rows, bars):
    """NVDA rose 24% on 2023-05-25."""
    day = date(2023, 5, 25)
    nvda = bars.filter(pl.col("ticker") == "NVDA").sort("date")
    log = nvda.select("date", r=(pl.col("close") / pl.col("close").shift()).log())
    last = log.filter(pl.col("date") <= day).tail(22)
    without = last.filter(pl.col("date") != day)["r"]
    expected = ((without**2).mean() * 252.0) ** 0.5
    assert at(rows, "NVDA", day)["hv_22x"] == pytest.approx(expected, rel=1e-12)


def test_without_the_days_after_a_session_its_row_is_the_same(rows, bars, reports):
    day = date(2023, 9, 29)
    head = bars.filter(pl.col("date") <= day)
    short = earnings_features(head, iv_of(head), dates_of(reports), no_chain)
    assert short.equals(rows.filter(pl.col("date") <= day))


def test_a_report_that_moves_changes_nothing_on_sessions_before_it_was_known(rows, bars, reports):
    """The report of 2024-10-31 comes 5 days later: 14 days before either date nothing knows it."""
    report = date(2024, 10, 31)
    hit = (pl.col("date") == report) & (pl.col("ticker") == "AAPL")
    moved = reports.with_columns(
        pl.when(hit).then(pl.col("date") + pl.duration(days=5)).otherwise("date").alias("date")
    )
    changed = earnings_features(bars, iv_of(bars), dates_of(moved), no_chain)
    for name in ("iv_ex_earnings", "iv_rank_ex", "hv_20x", "days_since_earnings"):
        assert rows[name].drop_nulls().len() > 1000
    before = pl.col("date") < report - timedelta(days=14)
    assert changed.filter(before).equals(rows.filter(before))
    assert not changed.equals(rows)


def test_a_correction_after_the_first_fetch_changes_no_session_before_it(bars, reports):
    """The record of 2024-06-03 has AAPL's date of May a day late; 2024-09-03 mends it."""
    wrong = reports.with_columns(
        date=pl.when((pl.col("date") == date(2024, 5, 2)) & (pl.col("ticker") == "AAPL"))
        .then(date(2024, 5, 3)).otherwise("date")
    )  # fmt: skip
    first = datetime(2024, 6, 3, 12, tzinfo=UTC)
    once = {t: _at(t, wrong, (first, wrong)) for t in TICKERS}
    mended = {t: _at(t, wrong, (first, wrong), (datetime(2024, 9, 3, 12, tzinfo=UTC), reports))
              for t in TICKERS}  # fmt: skip
    left, right = (earnings_features(bars, iv_of(bars), k, no_chain) for k in (once, mended))
    known = (pl.col("date") >= date(2024, 6, 3)) & (pl.col("date") < date(2024, 9, 3))
    assert left.filter(known).equals(right.filter(known))
    later = pl.col("date") >= date(2024, 9, 3)
    assert not left.filter(later).equals(right.filter(later))


def _at(ticker, _, *answers):
    record = EARNINGS_KNOWN.empty()
    for moment, rows in answers:
        days = rows.filter((pl.col("ticker") == ticker) & (pl.col("date") < moment.date()))["date"]
        told = pl.DataFrame(
            {"date": days, "timing": "after_close", "status": "reported", "source": "csv"}
        ).with_columns(known_from=pl.lit(None, EARNINGS_KNOWN.schema["known_from"]))
        end = moment.date() + timedelta(days=120)
        added = lengthened(ticker, record, Answer(told, date(2000, 1, 1), end, moment))
        record = pl.concat([record.join(added, on=EARNINGS_KNOWN.key, how="anti"), added])
    return KnownDates(ticker, record, EarningsRules())


def test_own_volatility_ramps_and_its_crush_gives_a_ratio(bars, reports, reference_data):
    start = date(2019, 1, 2)
    vol = pl.read_csv(reference_data / "vol/VXAPL.csv", try_parse_dates=True)
    iv = vol.select("date", ticker=pl.lit("AAPL"), iv=pl.col("close") / 100.0)
    older = pl.read_csv(reference_data / "prices/AAPL.csv", try_parse_dates=True).select(
        "date", "open", "close", ticker=pl.lit("AAPL")
    )
    older = older.filter(pl.col("date").is_between(start, date(2022, 2, 28)))
    row = at(earnings_features(older, iv, dates_of(reports), no_chain), "AAPL", date(2022, 1, 27))
    levels = dict(vol.select("date", "close").iter_rows())
    assert row["iv_ramp_5"] == pytest.approx(
        levels[date(2022, 1, 27)] / levels[date(2022, 1, 20)] - 1.0
    )
    assert row["move_ratio_8"] > 0.0
    # The fall of a model's volatility is no price of anybody.
    modelled = earnings_features(
        older, iv.with_columns(is_modelled=pl.lit(value=True)), dates_of(reports), no_chain
    )
    modelled_row = at(modelled, "AAPL", date(2022, 1, 27))
    assert modelled_row["iv_ramp_5"] > 0.0
    assert modelled_row["move_ratio_8"] is None
    # A report lies in the next 30 days and no chain says what it is priced at: past moves do.
    assert row["event_var"] is None
    assert row["iv_ex_earnings"] < levels[date(2022, 1, 27)] / 100.0


def test_a_report_ahead_is_left_out_of_own_volatility_and_of_its_rank(reports, reference_data):
    """At AAPL's reactions its index fell by 23% on average, without the report's part by 14%."""
    start, end = date(2015, 1, 2), date(2019, 12, 31)
    prices = pl.read_csv(reference_data / "prices/AAPL.csv", try_parse_dates=True)
    older = prices.select("date", "open", "close", ticker=pl.lit("AAPL"))
    older = older.filter(pl.col("date").is_between(start, end))
    vol = pl.read_csv(reference_data / "vol/VXAPL.csv", try_parse_dates=True)
    iv = vol.select("date", ticker=pl.lit("AAPL"), iv=pl.col("close") / 100.0)
    known = dates_of(reports)
    rows = earnings_features(older, iv, known, no_chain)
    levels = rows.join(iv, on=["date", "ticker"]).drop_nulls("iv_rank_ex")
    falls = levels.select(
        "date",
        "days_since_earnings",
        change=(pl.col("iv") / pl.col("iv").shift()).log(),
        without=(pl.col("iv_ex_earnings") / pl.col("iv_ex_earnings").shift()).log(),
    )
    reactions = falls.filter(pl.col("days_since_earnings") == 0)
    assert reactions.height >= 12
    assert reactions["change"].mean() < -0.25
    assert reactions["without"].mean() > 0.65 * reactions["change"].mean()
    day = date(2019, 7, 15)
    row = at(rows, "AAPL", day)
    event = STOCK_VOL.event_factor * row["hist_move_rms_8"] ** 2
    level = dict(iv.select("date", "iv").iter_rows())[day]
    assert row["iv_ex_earnings"] == pytest.approx(((level**2 * 30 - event * 365) / 29) ** 0.5)
    last = rows.filter(pl.col("date") <= day)["iv_ex_earnings"].drop_nulls().tail(252)
    expected = (last[-1] - last.min()) / (last.max() - last.min())
    assert row["iv_rank_ex"] == pytest.approx(expected)
    short = earnings_features(older.filter(pl.col("date") <= day), iv, known, no_chain)
    assert short.equals(rows.filter(pl.col("date") <= day))


def test_the_newest_reaction_is_aged_in_sessions(bars, reports):
    newest = newest_reactions(bars, dates_of(reports))
    row = at(newest, "AAPL", date(2024, 11, 5))
    assert (row["reaction"], row["age"]) == (date(2024, 11, 1), 2)
    assert row["move"] == pytest.approx(-0.01328, abs=1e-6)


def test_names_are_declared_once(rows):
    assert rows.columns[2:-1] == [feature.name for feature in EARNINGS]
