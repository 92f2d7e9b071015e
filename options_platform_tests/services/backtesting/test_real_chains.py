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
from options_platform.domain.chain import Underlying, quote
from options_platform.domain.planning.plan import PlanRules
from options_platform.services.backtesting.real_chains import StoredQuotes
from options_platform_tests.services.backtesting.real_files import (
    HELD,
    RULES,
    closes_of,
    market,
    stored,
    trade,
    without,
)
from options_platform_tests.services.backtesting.spxw_trade import (
    EXPIRY,
    PLANNED,
    mark_on,
)


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
