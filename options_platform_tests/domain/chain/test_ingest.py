"""Quality gates, each on a replica of a defect in real files, and the values of good quotes."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.contracts import GATES, OPTION_CHAIN
from options_platform.domain.calendar.sessions import close_time
from options_platform.domain.chain.ingest import ChainGates, judge_chains
from options_platform.errors import SourceError
from options_platform.testing.market import NOW
from options_platform_tests.fakes.chain_source import synthetic_chain

DAY = date(2024, 6, 3)
SPOT, ATM = 500.0, 0.17
RATES = {"rate": 0.03, "dividend": 0.015}
CLOSE = pl.DataFrame({"date": [DAY], "ticker": ["SPY"], "close": [SPOT]})
SYMBOL = "SPY240705C00510000"


def chain(day=DAY, ticker="SPY", spot=SPOT):
    return synthetic_chain(ticker, day, spot, ATM).with_columns(date=pl.lit(day))


RAW = chain()


def judged(raw, closes=CLOSE, gates=None):
    rows = judge_chains(raw, closes, gates or ChainGates(), fetched_at=NOW, **RATES)
    return OPTION_CHAIN.validate(rows)


def changed(raw=RAW, symbol=SYMBOL, **values):
    at = pl.col("contract_symbol") == symbol
    assert raw.filter(at).height == 1
    return raw.with_columns(
        pl.when(at).then(pl.lit(value, raw.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def row_of(rows, symbol=SYMBOL):
    return rows.filter(pl.col("contract_symbol") == symbol).row(0, named=True)


def test_in_a_sound_chain_only_quotes_without_a_bid_are_bad():
    rows = judged(RAW)
    assert rows.height == RAW.height
    assert set(rows["quality"].drop_nulls()) <= {"NO_BID", "WIDE", "IV_BOUNDS"}
    assert rows["quality"].is_null().mean() > 0.5


def test_volatility_and_greeks_of_a_synthetic_chain_are_recovered():
    """A synthetic chain has a known surface; rounding to cents is the only error."""
    from options_platform.domain.chain import ChainRules
    from options_platform.domain.pricing import black_scholes

    rows = judged(RAW).filter(
        pl.col("quality").is_null()
        & (pl.col("dte") > 20)
        & pl.col("delta").abs().is_between(0.1, 0.9)
    )
    assert rows.height > 40
    assert rows.select((pl.col("iv") - pl.col("source_iv")).abs().max()).item() < 0.003
    truth = black_scholes(
        np.full(rows.height, SPOT),
        rows["strike"].to_numpy(),
        rows["dte"].to_numpy() / 365.0,
        rows["source_iv"].to_numpy(),
        ChainRules().risk_free_rate,
        ChainRules().dividend_yield,
        np.where((rows["right"] == "call").to_numpy(), 1.0, -1.0),
    )
    for name, slack in (("delta", 0.01), ("gamma", 0.001), ("theta", 0.01), ("vega", 0.01)):
        assert np.abs(rows[name].to_numpy() - getattr(truth, name)).max() < slack


@pytest.mark.parametrize(
    ("values", "gate"),
    [
        # Yahoo 2026-02-11: bids of zero, and none at all.
        ({"bid": 0.0}, "NO_BID"),
        ({"bid": None}, "NO_BID"),
        ({"bid": float("nan")}, "NO_BID"),
        ({"ask": None}, "NO_BID"),
        # Yahoo, QQQ 2026-02-11: ask below bid; an ask of zero is no ask.
        ({"bid": 5.2, "ask": 5.1}, "CROSSED"),
        ({"ask": 0.0}, "CROSSED"),
        ({"bid": 4.0, "ask": 7.0}, "WIDE"),
        # LEAN, SPY7 minis of 10 shares as their multiplier shows.
        ({"multiplier": 10.0}, "NONSTANDARD"),
    ],
)
def test_a_bad_quote_keeps_its_row_with_the_gate_that_it_failed(values, gate):
    rows = judged(changed(**values))
    assert rows.height == RAW.height
    assert row_of(rows)["quality"] == gate
    others = rows.filter(pl.col("contract_symbol") != SYMBOL)
    before = judged(RAW).filter(pl.col("contract_symbol") != SYMBOL)
    assert others["quality"].equals(before["quality"])


def test_mini_options_are_recognised_by_their_root():
    """SPY 2015-01-05 contains 1,032 contracts with root SPY7, ten shares each."""
    rows = judged(changed(contract_symbol="SPY7240705C00510000"))
    assert row_of(rows, "SPY7240705C00510000")["quality"] == "NONSTANDARD"


@pytest.mark.parametrize("prefix", ["", "O:", ".", "OPRA:"])
@pytest.mark.parametrize("lower", [False, True])
def test_a_vendors_prefix_changes_neither_the_contract_nor_its_adjusted_status(prefix, lower):
    names = [SYMBOL, SYMBOL.replace("SPY", "SPY1")]
    written = [prefix + (name.lower() if lower else name) for name in names]
    raw = pl.concat([changed(contract_symbol=name) for name in written]).filter(
        pl.col("contract_symbol").is_in(written)
    )
    rows = judged(raw)
    assert row_of(rows, names[0])["quality"] != "NONSTANDARD"
    assert row_of(rows, names[1])["quality"] == "NONSTANDARD"


def test_an_unreadable_symbol_is_not_a_standard_contract():
    rows = judged(changed(contract_symbol="US-4711"))
    assert row_of(rows, "US-4711")["quality"] == "NONSTANDARD"


def test_an_expired_option_is_marked_as_expired():
    """SPY 2015-01-05 still lists the weeklies of 2015-01-02."""
    rows = judged(changed(contract_symbol="SPY240531C00510000"))
    assert row_of(rows, "SPY240531C00510000")["quality"] == "EXPIRED"


def test_an_option_in_its_last_session_expires_at_the_close_and_not_before():
    closing = changed(contract_symbol="SPY240603C00500000", strike=500.0, bid=1.0, ask=1.1)
    assert row_of(judged(closing), "SPY240603C00500000")["quality"] == "EXPIRED"
    noon = closing.with_columns(
        quoted_at=pl.lit(close_time(DAY).astimezone(UTC) - timedelta(hours=4))
    )
    row = row_of(judged(noon), "SPY240603C00500000")
    assert row["quality"] is None
    assert row["years"] == pytest.approx(4 / 24 / 365)


def test_the_expiry_in_the_symbol_overrides_that_of_the_source():
    """Yahoo's file of 2020-10-05 shows SPY201009 as 2020-10-08."""
    rows = judged(changed(expiry=date(2024, 7, 4)))
    row = row_of(rows)
    assert (row["expiry"], row["dte"], row["quality"]) == (date(2024, 7, 5), 32, None)


def test_days_to_a_saturday_expiry_count_to_its_last_trading_day():
    """Monthlies expired on Saturdays until February 2015, e.g. SPY150117."""
    day = date(2015, 1, 5)
    raw = chain(day, spot=200.0).filter(pl.col("expiry") == date(2015, 1, 16))
    symbol = pl.col("contract_symbol").str.replace("150116", "150117")
    closes = CLOSE.with_columns(date=pl.lit(day), close=pl.lit(200.0))
    rows = judged(raw.with_columns(contract_symbol=symbol), closes)
    assert set(rows["expiry"]) == {date(2015, 1, 17)}
    assert set(rows["dte"]) == {11}


@pytest.mark.parametrize(
    ("quoted", "stale"),
    [
        (datetime(2024, 6, 3, 20, 15, tzinfo=UTC), False),
        (datetime(2024, 6, 3, 14, 0, tzinfo=UTC), False),
        (datetime(2024, 6, 3, 13, 0, tzinfo=UTC), True),
        (datetime(2024, 5, 31, 20, 0, tzinfo=UTC), True),
        # A quote of the next session does not belong to this one.
        (datetime(2024, 6, 4, 13, 30, tzinfo=UTC), True),
        (datetime(2024, 6, 4, 13, 29, tzinfo=UTC), False),
    ],
)
def test_a_quote_of_another_session_is_stale(quoted, stale):
    fresh = RAW.with_columns(quoted_at=pl.lit(datetime(2024, 6, 3, 20, 0, tzinfo=UTC)))
    rows = judged(changed(fresh, quoted_at=quoted))
    assert (row_of(rows)["quality"] == "STALE") is stale
    assert rows.filter(pl.col("quality") == "STALE").height == int(stale)


def test_both_legs_of_a_pair_that_violates_parity_are_marked():
    """Yahoo 2020-10-05: SPY201016C00256000 at 94.19 beside C00254000 at 87.70 (spot 339.45)."""
    deep = "SPY240705C00400000"
    bid = row_of(judged(RAW), deep)["bid"]
    rows = judged(changed(symbol=deep, bid=bid - 8.0, ask=bid - 7.5))
    assert set(rows.filter(pl.col("quality") == "PARITY")["contract_symbol"]) == {
        deep,
        "SPY240705P00400000",
    } - set(rows.filter(pl.col("quality") == "NO_BID")["contract_symbol"])


def test_an_early_exercise_premium_does_not_violate_parity():
    """A deep in-the-money American put trades at its intrinsic value, above the European price."""
    deep = "SPY240705P00600000"
    rows = judged(changed(symbol=deep, bid=99.9, ask=100.3))
    assert row_of(rows, deep)["quality"] != "PARITY"


def test_a_chain_with_strikes_from_before_a_split_fails_parity_against_an_adjusted_price():
    """AAPL before its 7:1 split of 2014-06-09: strikes around 645 against a price of 92.22."""
    day = date(2014, 6, 6)
    raw = chain(day, "AAPL", 645.57).with_columns(spot=pl.lit(None, pl.Float64))
    close = pl.DataFrame({"date": [day], "ticker": ["AAPL"], "close": [92.22]})
    rows = judged(raw, close)
    assert rows["quality"].null_count() == 0
    assert rows.filter(pl.col("quality") == "PARITY").height > 100
    as_traded = judged(raw, close.with_columns(close=pl.lit(92.22 * 7)))
    assert as_traded["quality"].is_null().mean() > 0.5


def test_a_price_without_an_implied_volatility_is_out_of_bounds():
    # Below the intrinsic value, but within the tolerance of the parity gate.
    deep = "SPY240705C00460000"
    rows = judged(changed(symbol=deep, bid=40.4, ask=40.5))
    row = row_of(rows, deep)
    assert row["quality"] == "IV_BOUNDS"
    assert row["iv"] is None
    assert row["delta"] is None


def test_a_quote_too_wide_to_determine_its_volatility_is_out_of_bounds():
    """SPX170421C00500000 on 2017-01-06: 4.90 wide at a vega of 0.09 gave 112 points for 12."""
    deep = "SPY240705C00410000"
    row = row_of(judged(changed(symbol=deep, bid=89.1, ask=92.1)), deep)
    assert row["quality"] == "IV_BOUNDS"
    assert row["iv"] is not None
    assert (row["ask"] - row["bid"]) / 2 > 10 * row["vega"]


def test_the_sources_volatility_does_not_affect_the_computed_one():
    """For a missing volatility Yahoo reports 1e-5 and 1e-4, LEAN 0 and 1e-7."""
    for nothing in (1e-5, 1e-4, 0.0, 1e-7, None):
        rows = judged(changed(source_iv=nothing))
        assert row_of(rows)["source_iv"] == nothing
        assert row_of(rows)["iv"] == row_of(judged(RAW))["iv"]


def test_identical_rows_count_once_and_conflicting_ones_are_duplicates():
    single_row = RAW.filter(pl.col("contract_symbol") == SYMBOL)
    assert judged(pl.concat([RAW, single_row])).equals(judged(RAW))
    other = single_row.with_columns(bid=pl.col("bid") + 0.5, ask=pl.col("ask") + 0.5)
    assert row_of(judged(pl.concat([RAW, other])))["quality"] == "DUPLICATE"


def test_the_spot_is_implied_by_the_quotes_not_taken_from_another_minute():
    """Yahoo's quotes are 15 minutes older than its spot: 0.2 to 0.4 per cent on 2026-02-12."""
    rows = judged(RAW.with_columns(spot=pl.lit(SPOT * 1.004)))
    parity = rows.filter(pl.col("spot_method") == "parity")
    # The nearest expiry has too few pairs whose quotes are narrow.
    assert parity.height > 0.9 * rows.height
    assert parity.select((pl.col("spot") / SPOT - 1.0).abs().max()).item() < 1e-3
    assert rows["quality"].is_null().mean() > 0.5


def test_without_call_put_pairs_the_spot_is_the_sources_or_else_the_bars_close():
    calls = RAW.filter(pl.col("right") == "call")
    assert set(judged(calls)["spot_method"]) == {"source"}
    nothing = calls.with_columns(spot=pl.lit(None, pl.Float64))
    assert set(judged(nothing)["spot_method"]) == {"close"}
    unknown = judged(nothing, CLOSE.clear())
    assert set(unknown["spot"]) == {None}
    assert unknown["quality"].null_count() == 0


def test_a_row_without_a_contract_is_refused():
    with pytest.raises(SourceError, match="1 rows without a contract"):
        judged(changed(contract_symbol=None, strike=None))


def test_a_missing_symbol_is_built_from_expiry_right_and_strike():
    assert judged(changed(contract_symbol=None)).equals(judged(RAW))


def test_gates_are_applied_in_the_declared_order():
    both = changed(bid=0.0, multiplier=10.0)
    assert row_of(judged(both))["quality"] == "NONSTANDARD"
    assert list(OPTION_CHAIN.column("quality").values) == list(GATES)


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_quality_of_a_quote_does_not_depend_on_row_order_or_other_chains(data):
    days = (DAY, date(2024, 6, 4))
    raws = [chain(days[0]), chain(days[1], spot=505.0), chain(days[0], "QQQ", 440.0)]
    closes = pl.DataFrame(
        {"date": [days[0], days[1], days[0]], "ticker": ["SPY", "SPY", "QQQ"]}
    ).with_columns(close=pl.Series([500.0, 505.0, 440.0]))
    seed = data.draw(st.integers(0, 10_000))
    together = judged(pl.concat(raws).sample(fraction=1.0, shuffle=True, seed=seed), closes)
    alone = [judged(raw, closes) for raw in raws]
    assert together.equals(pl.concat(alone).sort(OPTION_CHAIN.key))
