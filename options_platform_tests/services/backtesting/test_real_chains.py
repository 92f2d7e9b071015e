"""Backtests on the real SPXW quotes of January and February 2018, worked by hand."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.ports.market_data import SOURCE_CHAIN_SCHEMA
from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.domain.backtest import run_backtest
from options_platform.domain.backtest_study.variants import vary
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import Underlying, quote
from options_platform.domain.chain.occ_symbols import standard_symbol
from options_platform.domain.planning.plan import PlanRules
from options_platform.services.backtesting.real_chains import StoredQuotes
from options_platform_tests.domain.backtest.small import plan
from options_platform_tests.services.backtesting.real_files import (
    HELD,
    RULES,
    closes_of,
    imported,
    market,
    stored,
    trade,
    vix_closes,
    without,
)

EXPIRY = date(2018, 2, 28)
BULL_PUT = [("sell", "put", 2650.0, EXPIRY), ("buy", "put", 2600.0, EXPIRY)]
# On 2018-02-01 the mids were 4.65 and 2.85.
PLANNED = plan(date(2018, 2, 1), BULL_PUT, ticker="SPX", price=-1.80, loss=48.2, profit=1.8)


@pytest.fixture(scope="module")
def raw(reference_data, tmp_path_factory):
    path = reference_data / "options/spx/SPXW_2018-01_2018-02_eod.csv.gz"
    return imported(path, tmp_path_factory.mktemp("spxw"), "SPX")


@pytest.fixture(scope="module")
def index(reference_data):
    return vix_closes(reference_data)


@pytest.fixture
def spx(raw, index, tmp_path):
    """A market on the given quotes; its bars are those of the whole file."""
    return lambda quotes=raw: market(closes_of(raw, "SPX"), index, stored(quotes, tmp_path))


def mark_on(result, day):
    return result.marks.filter(pl.col("session") == day)["mark_price"].item()


def test_a_spread_held_to_expiry_earns_what_its_quotes_say(spx):
    """Entry 2018-02-02 halfway from the mid to the far side of the quote:

    sell 2650P quoted 15.00/15.80 at 15.40 - 0.20 = 15.20, buy 2600P quoted 10.20/10.60 at
    10.40 + 0.10 = 10.50: a credit of 4.70, fees 2 x 0.65. SPX closes at 2713.78 on 2018-02-28, so
    both puts expire: 470.00 - 1.30 = 468.70 USD.
    """
    result = trade(PLANNED, spx(), HELD)
    row = result.trades.row(0, named=True)
    assert row["entry_price"] == pytest.approx(-4.70, abs=1e-9)
    assert row["exit_reason"] == "EXPIRY"
    assert row["pnl_usd"] == pytest.approx(468.70, abs=1e-9)
    marks = {
        date(2018, 2, 2): 15.40 - 10.40,
        date(2018, 2, 6): 48.80 - 36.80,
        date(2018, 2, 7): 39.55 - 28.40,
        date(2018, 2, 8): 93.90 - 70.75,
        date(2018, 2, 9): 66.60 - 47.70,
    }
    for day, value in marks.items():
        assert -mark_on(result, day) == pytest.approx(value, abs=1e-9)
    (sources,) = result.sources.to_dicts()
    # All sessions but that of the put without a quote, and the expiry, on which nothing is quoted.
    assert (sources["marks_real"], sources["marks_mixed"], sources["marks_synthetic"]) == (16, 1, 0)
    assert sources["entry_source"] == "real"
    assert sources["exit_source"] == "none"
    assert sources["chain_source"] == "real"
    assert sources["real_share"] == pytest.approx(33 / 34)


def test_a_put_without_a_quote_is_marked_at_the_smile_of_its_neighbours(spx):
    """On 2018-02-05 the 2600P is quoted 0/0, and the 2600C, in the money, 97.50/107.50.

    The seven pairs nearest the money imply a spot of 2626.586 at the rate of 3% and the yield of
    1.5%; T = 23/365. The 2595P, 66.50/76.50, has a volatility of 33.5059%, the 2605P, 69.50/79.50,
    32.8776%; halfway in total variance 33.1930%, so the put is worth 72.983, and the spread 90.00 -
    72.983 = 17.017. Parity would say 73.485, give or take 5.
    """
    result = trade(PLANNED, spx(), HELD)
    assert -mark_on(result, date(2018, 2, 5)) == pytest.approx(17.017, abs=0.0005)


def test_a_stop_is_decided_by_the_smile_and_filled_at_the_next_quotes(spx):
    """The loss on 2018-02-05, 17.017 - 4.70 = 12.317, is more than two credits, 9.40.

    Filled on 2018-02-06: buy 2650P quoted 46.20/51.40 at 50.10, sell 2600P quoted 34.50/39.10 at
    35.65: 14.45. (4.70 - 14.45) x 100 - 4 x 0.65 = -977.60 USD.
    """
    result = trade(PLANNED, spx())
    row = result.trades.row(0, named=True)
    assert (row["exit_reason"], row["closed_on"]) == ("STOP_LOSS", date(2018, 2, 6))
    assert row["exit_price"] == pytest.approx(-14.45, abs=1e-9)
    assert row["pnl_usd"] == pytest.approx(-977.60, abs=1e-9)
    assert result.sources["exit_source"].item() == "real"


def test_without_quotes_of_the_session_nothing_is_stopped(spx, raw):
    """If the chain of 2018-02-05 has only the two puts, the 2600P has no price from quotes.

    The marks of 02-06 (12.00) and 02-07 (11.15) lose less than 9.40; that of 02-08, 23.15, loses
    18.45. Filled on 02-09: buy 2650P quoted 64.20/69.00 at 67.80, sell 2600P quoted 46.50/48.90 at
    47.10: 20.70. (4.70 - 20.70) x 100 - 2.60 = -1,602.60 USD.
    """
    puts = (pl.col("right") == "put") & pl.col("strike").is_in([2600.0, 2650.0])
    few = raw.filter((pl.col("date") != date(2018, 2, 5)) | puts)
    result = trade(PLANNED, spx(few))
    row = result.trades.row(0, named=True)
    assert (row["exit_reason"], row["closed_on"]) == ("STOP_LOSS", date(2018, 2, 9))
    assert row["pnl_usd"] == pytest.approx(-1_602.60, abs=1e-9)
    # The missing price comes from the surface moved by the leg's last difference from it.
    assert -mark_on(result, date(2018, 2, 5)) > 5.0


def test_an_exit_waits_through_a_missing_day_for_the_next_quotes(spx, raw):
    """Without a chain on 2018-02-06 the stop of 02-05 fills on 02-07:

    buy 2650P quoted 38.80/40.30 at 39.925, sell 2600P quoted 27.80/29.00 at 28.10: 11.825.
    (4.70 - 11.825) x 100 - 2.60 = -715.10 USD.
    """
    result = trade(PLANNED, spx(without(raw, date(2018, 2, 6))))
    row = result.trades.row(0, named=True)
    assert (row["exit_reason"], row["closed_on"]) == ("STOP_LOSS", date(2018, 2, 7))
    assert row["pnl_usd"] == pytest.approx(-715.10, abs=1e-9)
    waited = result.refusals.filter(pl.col("rule") == "NO_QUOTE")
    assert waited["session"].to_list() == [date(2018, 2, 6)]


def missing(*days):
    return ~pl.col("date").is_in(days)


GAPS = {
    "none": pl.lit(value=True),
    "the day of the crash": missing(date(2018, 2, 5)),
    "the day after it": missing(date(2018, 2, 6)),
    "three weeks": ~pl.col("date").is_between(date(2018, 2, 5), date(2018, 2, 23)),
    "the rest": pl.col("date") < date(2018, 2, 6),
}


@pytest.mark.parametrize("gap", GAPS)
def test_chains_stored_later_change_no_trade_mark_or_refusal(raw, index, tmp_path, gap):
    store = stored(raw.filter(GAPS[gap]), tmp_path)
    closes = closes_of(raw, "SPX")["SPX"]
    whole = run_backtest(*PLANNED, market({"SPX": closes}, index, store), RULES)
    for end in (day for day in closes if day > date(2018, 2, 1)):
        past = {"SPX": {day: close for day, close in closes.items() if day <= end}}
        short = run_backtest(*PLANNED, market(past, index, store), RULES)
        for name in ("equity", "marks", "fills", "refusals"):
            early = getattr(whole, name).filter(pl.col("session") <= end)
            assert getattr(short, name).equals(early), (end, name)
        closed = pl.col("closed_on") <= end
        assert short.trades.filter(closed).equals(whole.trades.filter(closed)), end


def test_a_gap_ends_after_as_many_sessions_as_the_rule_says(raw, index, tmp_path):
    """With the last chain on 2018-02-02, an exit due on 02-06 waits for the gap to end."""
    last = stored(raw.filter(pl.col("date") < date(2018, 2, 5)), tmp_path)
    of_market = market(closes_of(raw, "SPX"), index, last)
    (plan_id,) = PLANNED[0]["plan_id"]
    exits = {plan_id: date(2018, 2, 6)}
    for sessions, closed_on in ((1, 6), (2, 7), (5, 12)):
        rules = replace(RULES, gap_sessions=sessions)
        result = run_backtest(*PLANNED, of_market, rules, exit_on=exits)
        assert result.trades["closed_on"].to_list() == [date(2018, 2, closed_on)]
    assert result.refusals["session"].to_list() == [date(2018, 2, day) for day in (6, 7, 8, 9)]
    with pytest.raises(ValueError, match="gap_sessions must be at least 0"):
        replace(RULES, gap_sessions=-1)


def crossed(raw, strike):
    """The quotes without 2018-02-06, and with those of a put crossed on 02-07."""
    wrong = (
        (pl.col("date") == date(2018, 2, 7)) & (pl.col("strike") == strike)
        & (pl.col("right") == "put")
    )  # fmt: skip
    return without(raw, date(2018, 2, 6)).with_columns(
        bid=pl.when(wrong).then("ask").otherwise("bid"),
        ask=pl.when(wrong).then("bid").otherwise("ask"),
    )


def test_a_crossed_quote_gives_way_to_a_narrow_quote_of_the_other_right(spx, raw):
    """The 2650P of 2018-02-07, crossed, is priced by its neighbours and fills by the 2650C.

    The 2650C is quoted 63.30/65.80; half of that, 1.25, is 3% of the put's price. The 2645P has a
    volatility of 20.4573%, the 2655P 19.8763%, hence 20.1686% and a price of 39.4974 at T = 21/365
    and the implied spot of 2673.369. Bought at 39.4974 + 0.625 = 40.1224; the 2600P sold at 28.10.
    (4.70 - 12.0224) x 100 - 2.60 = -734.84 USD.
    """
    result = trade(PLANNED, spx(crossed(raw, 2650.0)))
    row = result.trades.row(0, named=True)
    assert row["closed_on"] == date(2018, 2, 7)
    assert row["pnl_usd"] == pytest.approx(-734.84, abs=0.005)
    assert result.sources["exit_source"].item() == "parity"


def test_an_exit_waits_where_the_other_right_is_quoted_too_wide(spx, raw):
    """The 2600C of 2018-02-07, 102.00/106.60, says 2.30 more or less of a put worth 28.41.

    So the 2600P, crossed, has a mark and no fill. On 02-08: buy 2650P quoted 90.50/97.30 at 95.60,
    sell 2600P quoted 68.10/73.40 at 69.425: (4.70 - 26.175) x 100 - 2.60 = -2,150.10 USD.
    """
    result = trade(PLANNED, spx(crossed(raw, 2600.0)))
    row = result.trades.row(0, named=True)
    assert row["closed_on"] == date(2018, 2, 8)
    assert row["pnl_usd"] == pytest.approx(-2_150.10, abs=1e-9)
    waited = result.refusals.filter(pl.col("rule") == "NO_QUOTE")
    assert waited["session"].to_list() == [date(2018, 2, 6), date(2018, 2, 7)]


def test_an_entry_without_real_quotes_is_refused(spx, raw):
    refused = [(date(2018, 2, 2), "NO_QUOTE")]
    missing_day = run_backtest(*PLANNED, spx(without(raw, date(2018, 2, 2))), RULES)
    assert missing_day.refusals.select("session", "rule").rows() == refused


def test_before_the_first_stored_chain_the_surface_fills_and_says_so(spx, raw):
    of_market = spx(raw.filter(pl.col("date") > date(2018, 2, 2)))
    result = run_backtest(*PLANNED, of_market, RULES)
    assert result.sources["entry_source"].to_list() == ["synthetic"]
    only = run_backtest(*PLANNED, of_market, replace(RULES, chains="real_only"))
    assert only.trades.is_empty()
    assert only.refusals.select("session", "rule").rows() == [(date(2018, 2, 2), "NO_QUOTE")]


def test_synthetic_marks_ignore_the_stored_chains(spx, raw, index):
    closes = closes_of(raw, "SPX")
    modelled = trade(PLANNED, market(closes, index), HELD)
    ignored = trade(PLANNED, spx(), replace(HELD, chains="synthetic"))
    assert ignored.marks.equals(modelled.marks)
    assert ignored.sources["chain_source"].to_list() == ["synthetic"]
    assert ignored.sources["real_share"].item() == 0.0


def test_the_trade_of_a_stored_market_is_the_same_in_another_process(spx):
    import pickle

    of_market = spx()
    assert isinstance(of_market.chains, StoredQuotes)
    first = trade(PLANNED, of_market)
    again = trade(PLANNED, pickle.loads(pickle.dumps(of_market)))
    assert again.trades.equals(first.trades)
    assert again.sources.equals(first.sources)


def test_a_halt_is_no_session_for_an_exit_though_its_chain_is_stored(raw, index, tmp_path):
    closes = closes_of(raw, "SPX")
    halted = {"SPX": {day: close for day, close in closes["SPX"].items() if day.day != 6}}
    result = trade(PLANNED, market(halted, index, stored(raw, tmp_path)))
    row = result.trades.row(0, named=True)
    # As on a missing day, the stop fills at the quotes of 02-07.
    assert (row["closed_on"], row["pnl_usd"]) == (date(2018, 2, 7), pytest.approx(-715.10))
    assert result.refusals.is_empty()


def test_a_far_option_without_a_bid_is_marked_at_half_its_ask_and_sold_for_nothing(spx, raw):
    """On 2018-02-27 the 2650P is quoted 0.25/0.35, bought at 0.325; the 2600P is made 0/0.05.

    (4.70 - 0.325) x 100 - 2.60 = 434.90 USD.
    """
    last = date(2018, 2, 27)
    lone = (pl.col("date") == last) & (pl.col("strike") == 2600.0) & (pl.col("right") == "put")
    quotes = raw.with_columns(
        bid=pl.when(lone).then(0.0).otherwise("bid"), ask=pl.when(lone).then(0.05).otherwise("ask")
    )
    (plan_id,) = PLANNED[0]["plan_id"]
    result = run_backtest(*PLANNED, spx(quotes), RULES, exit_on={plan_id: last})
    row = result.trades.row(0, named=True)
    assert row["closed_on"] == last
    assert row["pnl_usd"] == pytest.approx(434.90, abs=1e-9)
    held = trade(PLANNED, spx(quotes), HELD)
    assert -mark_on(held, last) == pytest.approx(0.30 - 0.025, abs=1e-9)


def only_asked(raw, ask):
    """The quotes with no bid and this ask for the 2600P of 2018-02-27, truly 0.10/0.15."""
    lone = (
        (pl.col("date") == date(2018, 2, 27)) & (pl.col("strike") == 2600.0)
        & (pl.col("right") == "put")
    )  # fmt: skip
    return raw.with_columns(
        bid=pl.when(lone).then(0.0).otherwise("bid"), ask=pl.when(lone).then(ask).otherwise("ask")
    )


@pytest.mark.parametrize("side", ["sell", "buy"])
def test_a_stub_ask_far_above_the_smile_is_no_quote(spx, raw, side):
    """Asked at 2.00 the 2600P is marked at the smile, 0.10 to 0.15, and not bought or sold."""
    last = date(2018, 2, 27)
    other = ("buy", 2550.0) if side == "sell" else ("sell", 2650.0)
    legs = [(side, "put", 2600.0, EXPIRY), (other[0], "put", other[1], EXPIRY)]
    planned = plan(date(2018, 2, 1), legs, ticker="SPX", price=-1.2, loss=48.8, profit=1.2)
    (plan_id,) = planned[0]["plan_id"]
    of_market = spx(only_asked(raw, 2.0))
    result = run_backtest(*planned, of_market, HELD, exit_on={plan_id: last})
    assert result.trades["closed_on"].to_list() == [EXPIRY]
    assert result.refusals.select("session", "rule").rows() == [(last, "NO_QUOTE")]
    quoted = raw.filter((pl.col("date") == last) & (pl.col("right") == "put"))
    mids = dict(quoted.select("strike", (pl.col("bid") + pl.col("ask")) / 2).iter_rows())
    sign = 1.0 if side == "sell" else -1.0
    apart = -mark_on(result, last) + sign * mids[other[1]]
    assert 0.10 <= sign * apart <= 0.15


def test_an_ask_without_a_bid_or_a_smile_counts_up_to_a_few_ticks(spx, raw):
    few = pl.col("strike").is_in([2600.0, 2650.0]) & (pl.col("right") == "put")
    kept = (pl.col("date") != date(2018, 2, 27)) | few
    for ask, mixed in ((0.10, 1), (0.30, 2)):
        result = run_backtest(*PLANNED, spx(only_asked(raw.filter(kept), ask)), HELD)
        # Beside the put without a quote on 2018-02-05.
        assert result.sources["marks_mixed"].item() == mixed


def test_a_wide_quote_far_from_the_smile_is_no_price(spx, raw):
    """On 2018-02-05 the 2650P is quoted 85.00/95.00; quoted 10.00/95.00 it is not worth 52.50."""
    day = date(2018, 2, 5)
    wide = (
        (pl.col("date") == day) & (pl.col("strike") == 2650.0) & (pl.col("right") == "put")
    )  # fmt: skip
    quotes = raw.with_columns(bid=pl.when(wide).then(10.0).otherwise("bid"))
    plain = trade(PLANNED, spx(raw), HELD)
    result = trade(PLANNED, spx(quotes), HELD)
    assert mark_on(result, day) == pytest.approx(mark_on(plain, day), abs=1.5)


JULY = date(2014, 7, 19)
AAPL_DAYS = (date(2014, 6, 5), date(2014, 6, 6), date(2014, 6, 9))
AAPL_PLAN = plan(
    AAPL_DAYS[0], [("sell", "put", 620.0, JULY), ("buy", "put", 600.0, JULY)],
    ticker="AAPL", price=-4.5, loss=15.5, profit=4.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def aapl(reference_data, tmp_path_factory):
    """The chain of 2014-06-06, the eve of the split, and the same one split 7:1 on 06-09."""
    path = reference_data / "options/lean/AAPL_2014-06-06_quotes.csv.gz"
    before = imported(path, tmp_path_factory.mktemp("aapl"), "AAPL")
    # The clearing house rounds strikes to the cent.
    after = before.with_columns(
        pl.col("strike", "bid", "ask", "last") / 7.0,
        date=pl.lit(AAPL_DAYS[2]),
        quoted_at=pl.col("quoted_at") + pl.duration(days=3),
    ).with_columns(strike=pl.col("strike").round(2))
    return pl.concat(
        [before, after.with_columns(contract_symbol=standard_symbol(pl.col("ticker")))]
    )


def aapl_market(quotes, folder, factors):
    closes = {
        "AAPL": dict(
            zip(AAPL_DAYS, (647.35, 645.57, 645.57 * factors[2] / factors[0]), strict=True)
        )
    }
    index = dict.fromkeys(AAPL_DAYS, 22.0)
    return market(closes, index, stored(quotes, folder), dict(zip(AAPL_DAYS, factors, strict=True)))


def test_through_a_split_a_position_keeps_its_value_at_the_new_strikes(aapl, tmp_path):
    """620P quoted 8.90/9.15 and 600P quoted 4.45/4.55: 9.025 - 4.50 = 4.525.

    On 2014-06-09 the strikes are 88.57 and 85.71, and a seventh of the prices is quoted.
    """
    result = trade(AAPL_PLAN, aapl_market(aapl, tmp_path, (7.0, 7.0, 1.0)), HELD)
    marks = (-result.marks["mark_price"]).to_list()
    assert marks == [pytest.approx(4.525, abs=1e-9)] * 2
    assert result.trades["entry_price"].item() == pytest.approx(-(8.9625 - 4.525), abs=1e-9)
    (sources,) = result.sources.to_dicts()
    assert (sources["chain_source"], sources["real_share"]) == ("real", 1.0)


def test_contracts_that_deliver_something_else_after_a_split_have_no_real_price(aapl, tmp_path):
    # Three for two: the old contracts deliver 150 shares under another root.
    result = trade(AAPL_PLAN, aapl_market(aapl, tmp_path, (1.5, 1.5, 1.0)), HELD)
    assert result.sources["exit_source"].item() == "shifted"
    assert result.sources["marks_real"].item() == 1


def test_a_reverse_split_later_does_not_change_what_was_quoted(reference_data, tmp_path):
    """VXX was split 1:4 in August 2017, so adjusted closes of 2016 are four times those quoted."""
    raw = imported(reference_data / "options/VXX_2016-12_eod.csv.gz", tmp_path, "VXX")
    closes = closes_of(raw, "VXX")
    days = sorted(closes["VXX"])
    expiry, low, high = date(2017, 1, 20), 25.0, 30.0
    legs = [("buy", "put", high, expiry), ("sell", "put", low, expiry)]
    planned = plan(days[0], legs, ticker="VXX", price=2.0, loss=2.0, profit=3.0)
    of_market = market(
        closes, dict.fromkeys(days, 70.0), stored(raw, tmp_path), dict.fromkeys(days, 0.25)
    )
    result = trade(planned, of_market, HELD)
    mids = raw.filter((pl.col("right") == "put") & (pl.col("expiry") == expiry)).select(
        "date", "strike", mid=(pl.col("bid") + pl.col("ask")) / 2
    )
    wanted = mids.filter(pl.col("strike") == high).join(
        mids.filter(pl.col("strike") == low), on="date", suffix="_low"
    )
    for day, value in wanted.select("date", pl.col("mid") - pl.col("mid_low")).iter_rows():
        if day > days[0]:
            assert mark_on(result, day) == pytest.approx(value, abs=1e-4), day
    assert result.sources["real_share"].item() == 1.0


def put_spread(day, short, long):
    """The spread planned on the session before `day`, worth its mark on `day`."""
    planned = shift(day, -1)
    expiry = EXPIRY if day.month == 2 else date(2018, 1, 31)
    legs = [("sell", "put", short, expiry), ("buy", "put", long, expiry)]
    return plan(planned, legs, ticker="SPX", price=-5.0, loss=45.0, profit=5.0)


def test_a_put_in_the_money_is_priced_by_its_neighbours_where_calls_are_wide(spx):
    """On 2018-02-05 the 2715P is quoted 0/0, and every call from 2710 on is wide.

    The 2710P, 109.00/124.80, has a volatility of 25.9154%, the 2720P, 114.50/130.30, 25.2716%; in
    between 25.595%, at T = 23/365 and the implied spot of 2626.586 a price of 119.618. The 2715C,
    28.50/38.50, says 119.268, half a width of 5 is 4% of that, and the 2665P is quoted 91/101.
    """
    day = date(2018, 2, 5)
    result = run_backtest(*put_spread(day, 2715.0, 2665.0), spx(), HELD)
    assert -mark_on(result, day) == pytest.approx(119.618 - 96.0, abs=0.001)
    assert result.sources["entry_source"].item() == "parity"


def test_without_a_smile_to_agree_with_it_parity_gives_no_price(spx, raw):
    """Of the chain of 2018-02-05 only the pairs at 2665 and 2715 are left."""
    day = date(2018, 2, 5)
    few = raw.filter((pl.col("date") != day) | pl.col("strike").is_in([2665.0, 2715.0]))
    result = run_backtest(*put_spread(day, 2715.0, 2665.0), spx(few), HELD)
    assert result.trades.is_empty()
    assert result.refusals["rule"].to_list() == ["NO_QUOTE"]


def test_a_wide_quote_of_a_cheap_option_is_better_than_parity_with_a_dear_one(spx):
    """On 2018-01-23 the 2595P is quoted 0.15/0.30, which is wide; the 2595C 241.50/246.60."""
    day = date(2018, 1, 23)
    result = run_backtest(*put_spread(day, 2645.0, 2595.0), spx(), HELD)
    assert -mark_on(result, day) == pytest.approx(0.35 - 0.225, abs=1e-9)
    assert result.sources["entry_source"].item() == "real"


def test_a_stored_chain_of_the_surface_itself_changes_no_mark(index, raw, tmp_path):
    """Quotes that the surface made are read back as its own prices, but for whole cents."""
    closes = closes_of(raw, "SPX")
    days = [day for day in closes["SPX"] if day < date(2018, 2, 28)]
    flat = dict.fromkeys(closes["SPX"], 20.0)
    strikes = [2500.0 + 25.0 * n for n in range(24)]
    frames = []
    for day in days:
        spot, years = closes["SPX"][day], (EXPIRY - day).days / 365.0
        for right, sign in (("call", 1.0), ("put", -1.0)):
            made = quote(
                Underlying.of("SPX", day, np.full(24, spot), np.full(24, 0.2)),
                np.array(strikes), np.full(24, years), np.full(24, sign), RULES.chain,
            )  # fmt: skip
            frames.append(
                pl.DataFrame({"strike": strikes, "bid": made.bid, "ask": made.ask}).with_columns(
                    date=pl.lit(day), right=pl.lit(right), spot=pl.lit(spot)
                )
            )
    quotes = pl.concat(frames).with_columns(
        ticker=pl.lit("SPX"), expiry=pl.lit(EXPIRY), source=pl.lit("csv")
    )
    missing = [name for name in SOURCE_CHAIN_SCHEMA if name not in quotes.columns]
    quotes = quotes.with_columns(pl.lit(None).alias(name) for name in missing)
    quotes = quotes.select("date", *SOURCE_CHAIN_SCHEMA).cast(dict(SOURCE_CHAIN_SCHEMA))
    real = trade(PLANNED, market(closes, flat, stored(quotes, tmp_path)), HELD)
    modelled = trade(PLANNED, market(closes, flat), HELD)
    pairs = real.marks.join(modelled.marks, on="session", suffix="_model")
    gap = (pairs["mark_price"] - pairs["mark_price_model"]).abs().max()
    assert gap <= 0.02
    for greek in ("delta", "gamma", "theta", "vega"):
        model = pairs[f"{greek}_model"].abs().max()
        assert (pairs[greek] - pairs[f"{greek}_model"]).abs().max() <= 0.05 * model


def test_chains_of_the_simulated_market_are_no_real_ones(raw, index, tmp_path):
    store = stored(raw.with_columns(source=pl.lit("simulated")), tmp_path)
    assert not StoredQuotes(store, ["SPX"], date(2018, 1, 1), date(2018, 12, 31))
    result = trade(PLANNED, market(closes_of(raw, "SPX"), index, store), HELD)
    assert result.sources["real_share"].item() == 0.0


def test_the_fingerprint_differs_for_other_quotes_and_not_for_another_fetch(raw, tmp_path):
    one = pl.col("strike") == 2600.0
    fetched = pl.col("fetched_at") + pl.duration(days=1)
    store = stored(raw, tmp_path / "plain")
    rows = store.read(store.stored(tickers=["SPX"]))

    def fingerprint(frame, name):
        other = ChainStore(tmp_path / name)
        other.write(frame)
        return StoredQuotes(other, ["SPX"], date(2018, 1, 1), date(2018, 12, 31)).fingerprint

    plain = fingerprint(rows, "same")
    assert fingerprint(rows.with_columns(fetched_at=fetched), "again") == plain
    changed = {
        "doubled": rows.with_columns(pl.col("bid", "ask") * 2),
        "swapped": rows.with_columns(bid="ask", ask="bid"),
        "one ask": rows.with_columns(ask=pl.when(one).then(pl.col("ask") + 0.05).otherwise("ask")),
        "one gate": rows.with_columns(
            quality=pl.when(one).then(pl.lit("WIDE")).otherwise("quality")
        ),
        "fewer": rows.filter(~one),
    }
    assert len({plain, *(fingerprint(rows, name) for name, rows in changed.items())}) == 6


def test_the_use_of_stored_chains_may_be_varied():
    choices = {"backtest.chains": ["synthetic", "real_only"]}
    varied = vary(PlanRules(), RULES, choices)
    assert [variant.rules.chains for variant in varied] == ["synthetic", "real_only"]
    with pytest.raises(ValueError, match="chains must be one of real_if_stored"):
        replace(RULES, chains="real")
