"""Defects of real files are detected and reported, and genuine moves pass.

The real files are read from the folder in `OPTIONS_REFERENCE_DATA`. Each defect also has a replica
of a few rows, copied by hand, that is always tested.
"""

import os
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.sources.files.folder import CsvSource
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.checks.tables import ExpectedPartitions, rules_for
from options_platform.domain.market.bars import clean_bars
from options_platform.domain.market.corporate_actions import adjusted_throughout, adjustment_gaps
from options_platform.domain.market.coverage import gaps
from options_platform.domain.market.cross_source import compare_closes
from options_platform.domain.market.index_outliers import judge_index
from options_platform.domain.market.index_series import align_indices
from options_platform.testing.market import NOW
from options_platform_tests.scripted import calm_bars, calm_index, changed

SPAN = (date(1993, 1, 29), date(2024, 12, 31))
CLEAN = ("SPY", "QQQ", "AAPL", "AMZN", "GOOGL", "MSFT")


def prices(folder, ticker, end=SPAN[1]):
    return CsvSource(str(folder)).bars(ticker, SPAN[0], end)


def vendor(reference_data, tmp_path, name, ticker):
    """A file of another vendor, without adjusted closes, in the layout of a csv folder."""
    frame = pl.read_csv(reference_data / "prices_alt" / f"{name}.csv", infer_schema=False)
    frame.with_columns(adj_close="close").write_csv(tmp_path / f"{ticker}.csv")
    return prices(tmp_path, ticker, date.fromisoformat(frame["date"].max()))


def cleaned(raw):
    return clean_bars(raw, sessions(raw["date"].min(), raw["date"].max()), "csv", NOW)


def reasons(cleaned_bars):
    return dict(
        cleaned_bars.rows.filter(pl.col("bad_reason").is_not_null())
        .select("date", "bad_reason")
        .rows()
    )


@pytest.mark.parametrize(("ticker", "rows"), [("SPY", 8038), ("QQQ", 6496), ("AAPL", 6289),
                                              ("AMZN", 6289), ("GOOGL", 5127), ("MSFT", 6289),
                                              ("NVDA", 6528)])  # fmt: skip
def test_no_false_alarm_on_real_bars(reference_data, ticker, rows):
    cleaned_bars = cleaned(prices(reference_data / "prices", ticker))
    assert cleaned_bars.rows.height == rows
    assert cleaned_bars.quarantined.is_empty()


def test_the_largest_day_of_2008_passes(reference_data):
    cleaned_bars = cleaned(prices(reference_data / "prices", "SPY"))
    close = cleaned_bars.rows.filter(
        pl.col("date").is_between(date(2008, 10, 10), date(2008, 10, 13))
    )
    assert close["close"].pct_change().to_list()[1] == pytest.approx(0.145, abs=0.001)


def test_a_genuine_crash_and_its_recovery_pass():
    """2020-03-12 to 17 of SPY, in size: -9.6, +8.5, -10.9, +5.4 % with three times the volume."""
    bars = calm_bars()
    days = bars["date"].to_list()[200:204]
    crash = pl.when(pl.lit(value=False)).then(0.0)
    for day, move in zip(days, (-0.0957, 0.0855, -0.1094, 0.0540), strict=True):
        crash = crash.when(pl.col("date") == day).then(move)
    level = (1.0 + crash.otherwise(0.0)).cum_prod()
    # It opens at the level of the day before.
    bars = bars.with_columns(
        pl.col("open") * level.shift(1, fill_value=1.0),
        pl.col("close") * level,
        volume=pl.when(pl.col("date").is_in(days)).then(3.2e6).otherwise("volume"),
    ).with_columns(
        high=pl.max_horizontal("open", "close") + 0.25,
        low=pl.min_horizontal("open", "close") - 0.25,
    )
    assert bars["close"].pct_change().abs().max() > 0.1
    assert cleaned(bars).quarantined.is_empty()
    calm = bars.with_columns(volume=1e6)
    assert cleaned(calm).quarantined["rule"].to_list()[0] == "jump"


def test_a_vendors_bad_ticks_are_detected_and_no_good_bar_is(reference_data, tmp_path):
    """LEAN's SPY against Yahoo's: every open, high or low that is off by over 10% is detected."""
    lean = vendor(reference_data, tmp_path, "SPY_lean", "SPY")
    bad = reasons(cleaned(lean))
    yahoo = prices(reference_data / "prices", "SPY")
    both = lean.join(yahoo, on="date", suffix="_yahoo")
    off = both.select(
        "date",
        off=pl.max_horizontal(
            *((pl.col(n) / pl.col(f"{n}_yahoo") - 1).abs() for n in ("open", "high", "low"))
        ),
    )
    detected = off.filter(pl.col("date").is_in(list(bad)))
    assert bad[date(2000, 12, 18)] == "spike"
    assert (len(bad), detected["off"].min() > 0.03) == (35, True)
    counts = [
        (off.filter(pl.col("off") > size).height, detected.filter(pl.col("off") > size).height)
        for size in (0.10, 0.05)
    ]
    assert counts == [(7, 7), (56, 31)]


def test_a_single_bad_open_is_detected():
    """SPY_lean 2000-12-18: open and high are 16% off, the close is correct."""
    day = date(2023, 12, 18)
    close = calm_bars().filter(pl.col("date") == day)["close"].item()
    bars = changed(calm_bars(), day, open=close * 1.16, high=close * 1.16)
    assert reasons(cleaned(bars)) == {day: "spike"}


@pytest.mark.parametrize(("name", "ticker", "first"), [
    ("AAPL_lean", "AAPL", date(2000, 6, 21)), ("QQQ_lean", "QQQ", date(2000, 3, 20)),
])  # fmt: skip
def test_an_unadjusted_split_is_reported(reference_data, tmp_path, name, ticker, first):
    bad = reasons(cleaned(vendor(reference_data, tmp_path, name, ticker)))
    assert next(day for day in sorted(bad) if bad[day] == "unadjusted_split") == first


def test_the_hole_in_qqqs_history_is_reported(reference_data, tmp_path):
    rows = cleaned(vendor(reference_data, tmp_path, "QQQ_lean", "QQQ")).rows
    rule = next(r for r in rules_for(RAW_OHLCV) if r.name == "sessions_have_bars")
    finding = rule.find(RAW_OHLCV, rows, ExpectedPartitions([], ("QQQ",), {}))
    assert finding.examples == ("QQQ 2004-12-01 to 2011-03-22 (1588 sessions)",)
    assert gaps(rows, ["QQQ"], rows["date"].max()).rows() == [
        ("QQQ", date(2004, 12, 1), date(2011, 3, 22), 1588)
    ]


def test_a_hole_is_reported_by_its_first_and_last_session():
    bars = calm_bars()
    rows = cleaned(bars.filter(~pl.col("date").is_between(date(2023, 7, 3), date(2023, 7, 7)))).rows
    rule = next(r for r in rules_for(RAW_OHLCV) if r.name == "sessions_have_bars")
    finding = rule.find(RAW_OHLCV, rows, ExpectedPartitions([], ("SPY",), {}))
    assert finding.broken == 4
    assert finding.examples == ("SPY 2023-07-03 to 2023-07-07 (4 sessions)",)


def dividends(reference_data, ticker, rows):
    listed = pl.read_csv(
        reference_data / "prices" / f"{ticker}_dividends.csv", try_parse_dates=True
    )
    listed_dividends = listed.select(date="ex_date", dividend="cash_amount")
    joined = rows.drop("dividend").join(listed_dividends, on="date", how="left")
    return joined.with_columns(pl.col("dividend").fill_null(0.0)).filter(
        pl.col("date") >= listed_dividends["date"].min()
    )


def test_the_missing_and_the_unlisted_dividend_of_qqq_are_reported(reference_data):
    rows = cleaned(prices(reference_data / "prices", "QQQ")).rows
    gap_rows = adjustment_gaps(dividends(reference_data, "QQQ", rows)).rows()
    assert gap_rows == [
        (date(2011, 12, 27), "QQQ", "adj_close falls by 0.087% without a known dividend"),
        (date(2020, 9, 21), "QQQ", "adj_close misses the dividend of 0.38824 USD"),
    ]
    spy = cleaned(prices(reference_data / "prices", "SPY")).rows
    assert adjustment_gaps(dividends(reference_data, "SPY", spy)).is_empty()


def test_a_missing_dividend_is_reported():
    """Two dividends of 0.5: adj_close is adjusted for the first but not for the second."""
    days = [date(2023, 6, 16), date(2023, 9, 15)]
    bars = calm_bars()
    before = bars.filter(pl.col("date") < days[0])["close"][-1]
    bars = bars.with_columns(
        dividend=pl.when(pl.col("date").is_in(days)).then(0.5).otherwise(0.0),
        adj_close=pl.when(pl.col("date") < days[0])
        .then(pl.col("close") * (1 - 0.5 / before))
        .otherwise("close"),
    )
    gap_rows = adjustment_gaps(cleaned(bars).rows)
    assert gap_rows.rows() == [(days[1], "SPY", "adj_close misses the dividend of 0.5 USD")]


def test_only_nvda_has_dividend_adjusted_prices_throughout(reference_data):
    adjusted = [
        adjusted_throughout(cleaned(prices(reference_data / "prices", ticker)).rows)
        for ticker in (*CLEAN, "NVDA")
    ]
    assert [name for names in adjusted for name in names] == ["NVDA"]


def test_prices_that_are_not_whole_cents_are_dividend_adjusted():
    bars = calm_bars(dividend=None, split_factor=None)
    assert adjusted_throughout(cleaned(bars).rows) == []
    prices = ("open", "high", "low", "close", "adj_close")
    shrunk = bars.with_columns(pl.col(name) * 0.9871234567 for name in prices)
    assert adjusted_throughout(cleaned(shrunk).rows) == ["SPY"]


@pytest.mark.parametrize(("name", "days", "beyond", "widest"), [
    ("SPY_alphavantage", 5645, 0, 0.0011), ("SPY_lean", 5849, 639, 0.028),
])  # fmt: skip
def test_the_known_differences_between_two_vendors_are_reproduced(
    reference_data, tmp_path, name, days, beyond, widest
):
    other = vendor(reference_data, tmp_path, name, "SPY")
    comparison = compare_closes(prices(reference_data / "prices", "SPY"), other, 0.002)
    assert (comparison.days, comparison.beyond.height, comparison.missing_days) == (
        days,
        beyond,
        (),
    )
    assert comparison.widest == pytest.approx(widest, abs=0.0005)


def test_closes_beyond_the_tolerance_are_reported_largest_gap_first():
    mine = calm_bars()
    days = mine["date"].to_list()
    other = mine.filter(pl.col("date") != days[5])
    for day, factor in ((days[7], 1.003), (days[9], 0.98)):
        close = mine.filter(pl.col("date") == day)["close"].item()
        other = changed(other, day, close=close * factor)
    comparison = compare_closes(mine, other, 0.002)
    assert comparison.beyond["date"].to_list() == [days[9], days[7]]
    assert comparison.missing_days == (days[5],)
    assert comparison.widest == pytest.approx(0.02)


VOL_DEFECTS = {
    "VIX": {"outside_range": 47, "no_session": 20, "implausible_high": 3, "implausible_low": 1,
            "implausible_open": 1},
    "VIX6M": {"high_below_low": 1},
    # The exchange's file has two holidays, FRED's a Sunday of 2003.
    "VXN": {"no_session": 3, "implausible_low": 7},
    "VVIX": {"implausible_close": 6},
    "VIX3M": {}, "VIX9D": {}, "SKEW": {},
}  # fmt: skip


@pytest.mark.parametrize("symbol", VOL_DEFECTS)
def test_defects_of_real_indices_are_reported_and_their_closes_kept(reference_data, symbol):
    raw = CsvSource(str(reference_data / "vol")).index_bars(symbol, date(1990, 1, 2), SPAN[1])
    judged = judge_index(raw, NOW)
    counts = judged.quarantined.group_by("rule").len().rows()
    assert dict(counts) == VOL_DEFECTS[symbol]
    lost = VOL_DEFECTS[symbol].get("no_session", 0) + VOL_DEFECTS[symbol].get(
        "implausible_close", 0
    )
    assert judged.closes.height == raw.height - lost


def test_the_documented_defects_of_the_vix_are_among_them(reference_data):
    raw = CsvSource(str(reference_data / "vol")).index_bars("VIX", date(1990, 1, 2), SPAN[1])
    rules = judge_index(raw, NOW).quarantined
    opens = rules.filter(pl.col("rule") == "outside_range")["date"]
    assert (opens.min(), opens.max()) == (date(1992, 2, 11), date(2006, 2, 8))
    bad = {day for day, rule in rules.select("date", "rule").rows() if "implausible" in rule}
    assert bad == {
        date(2004, 1, 21), date(2004, 9, 27), date(2005, 6, 6), date(2005, 7, 25),
        date(2008, 10, 10),
    }  # fmt: skip
    true = (date(2018, 2, 5), date(2024, 8, 5), date(2024, 12, 18))
    assert rules.filter(pl.col("date").is_in(true)).is_empty()


@pytest.mark.parametrize(("values", "rule", "severity"), [
    # VIX 1992-02-11, VIX6M 2019-07-05, VIX 2005-07-25, 2008-10-10, 2004-01-21, VVIX 2006-03-15
    ({"open": 17.96, "high": 17.50, "low": 16.90, "close": 17.0}, "outside_range", "warning"),
    ({"open": 16.0, "high": 15.87, "low": 16.50, "close": 15.9}, "high_below_low", "warning"),
    ({"open": 11.0, "high": 36.56, "low": 10.9, "close": 11.1}, "implausible_high", "warning"),
    ({"open": 65.85, "high": 76.9, "low": 28.13, "close": 69.95}, "implausible_low", "warning"),
    ({"open": 36.55, "high": 36.55, "low": 14.2, "close": 14.3}, "implausible_open", "warning"),
    ({"open": 15.7, "high": 15.7, "low": 15.7, "close": 1.571}, "implausible_close", "set_aside"),
    ({"close": float("nan")}, "nan_price", "set_aside"),
    ({"close": -1.0}, "non_positive_price", "set_aside"),
    ({"low": float("nan")}, "nan_quote", "warning"),
])  # fmt: skip
def test_a_bad_index_row_is_reported_with_its_rule(values, rule, severity):
    day = date(2024, 1, 17)
    raw = changed(calm_index(), day, **values)
    judged = judge_index(raw, NOW)
    assert judged.quarantined.select("date", "rule", "severity").rows() == [(day, rule, severity)]
    assert judged.closes.height == raw.height - (severity == "set_aside")


def test_the_widest_genuine_day_of_the_vix_passes():
    """2024-08-05."""
    values = {"open": 23.39, "high": 65.73, "low": 23.39, "close": 38.57}
    assert judge_index(
        changed(calm_index(), date(2024, 1, 17), **values), NOW
    ).quarantined.is_empty()


def test_an_index_row_on_a_holiday_is_reported_and_not_used():
    """Since 2022-05-30 Cboe also publishes index values on market holidays."""
    holiday = calm_index().head(1).with_columns(date=date(2024, 1, 15), close=99.0)
    judged = judge_index(pl.concat([calm_index(), holiday]), NOW)
    assert judged.quarantined.select("rule", "severity").rows() == [("no_session", "warning")]
    assert judged.closes.height == calm_index().height


def test_sessions_missing_at_cboe_are_carried_forward_and_reported(reference_data):
    raw = CsvSource(str(reference_data / "vol")).index_bars("VIX", date(1990, 1, 2), SPAN[1])
    closes = judge_index(raw, NOW).closes
    days = sessions(date(1993, 2, 1), SPAN[1])
    keys = pl.DataFrame(
        {"date": days, "ticker": "SPY"}, schema={"date": pl.Date, "ticker": pl.String}
    )
    rows = align_indices(keys, closes, {"SPY": "VIX"}, "csv", NOW)
    finding = rules_named("vix", "index_of_the_day", rows)
    assert finding.examples == ("1997-01-31 SPY VIX", "1997-11-26 SPY VIX", "1999-12-31 SPY VIX")
    assert rules_named("vix", "index_moves", rows).passed


def rules_named(table, name, rows):
    from options_platform.adapters.storage.tables import tables

    rule = next(r for r in rules_for(tables()[table]) if r.name == name)
    return rule.find(tables()[table], rows, ExpectedPartitions([], ("SPY",), {}))


def test_an_unchanged_index_is_reported():
    index = calm_index()
    days = index["date"].to_list()[100:106]
    frozen = index.with_columns(
        close=pl.when(pl.col("date").is_in(days)).then(17.0).otherwise("close")
    )
    keys = calm_bars().select("date", "ticker")
    rows = align_indices(keys, frozen, {"SPY": "VIX"}, "csv", NOW)
    finding = rules_named("vix", "index_moves", rows)
    assert finding.broken == 6
    assert finding.examples[0].startswith(str(days[0]))


def test_reference_data_folders_are_joined_like_a_path(reference_data):
    folders = os.pathsep.join(str(reference_data / part) for part in ("prices", "vol"))
    assert CsvSource(folders).index_bars("VIX", date(2024, 1, 2), SPAN[1]).height > 250
