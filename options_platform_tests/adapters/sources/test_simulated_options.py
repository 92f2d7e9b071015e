from datetime import UTC, date, datetime, time

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.sources import open_source, source_options
from options_platform.adapters.sources.simulated import SimulatedSource
from options_platform.adapters.sources.simulated_market import at_close
from options_platform.contracts.funds import FUNDS
from options_platform.domain.calendar.expiries import listed_expiries
from options_platform.domain.calendar.sessions import NEW_YORK, close_time, shift
from options_platform.domain.chain import ChainRules, option_sign, years_of
from options_platform.domain.earnings.anchors import with_anchors
from options_platform.domain.earnings.chain_events import event_variance
from options_platform.domain.pricing import black_scholes
from options_platform.errors import SourceError
from options_platform.settings import make_settings

NOW = datetime(2026, 1, 2, tzinfo=UTC)
# More than 30 sessions before the next report of each ticker that is compared.
NO_REPORT_NEAR = date(2019, 5, 14)
SESSIONS = [date(2008, 10, 13), date(2019, 7, 3), date(2024, 3, 8)]


@pytest.fixture(params=SESSIONS, ids=str)
def session(request):
    return request.param


@pytest.fixture
def chain(session):
    return SimulatedSource(7).option_chain("SPY", session, NOW)


def test_quotes_are_whole_cents_and_ordered(chain):
    for name in ("bid", "ask"):
        cents = chain[name] * 100
        assert (cents - cents.round()).abs().max() < 1e-6
    assert (chain["ask"] > chain["bid"]).all()
    assert (chain["bid"] >= 0).all()


def test_expiries_are_the_listed_ones_and_each_has_calls_and_puts(chain, session):
    expiries = chain["expiry"].unique().sort().to_list()
    assert expiries == [
        day for day in listed_expiries("SPY", session) if (day - session).days <= 75
    ]
    count = chain.group_by("expiry", "strike").agg(pl.col("right").sort())
    assert count["right"].to_list() == [["call", "put"]] * count.height


def test_quotes_keep_put_call_parity_within_their_width(chain, session):
    if chain["ticker"][0] not in FUNDS:
        _require_american_parity(chain, session)
        # Deep in the money options on stocks are American.
        chain = chain.filter((pl.col("strike") / pl.col("spot")).log().abs() < 0.03)
    both = chain.pivot("right", index=["expiry", "strike", "spot"], values=["bid", "ask"])
    years = years_of((both["expiry"] - session).dt.total_days().to_numpy())
    rules = ChainRules()
    forward = both["spot"].to_numpy() * np.exp(-rules.dividend_yield * years)
    forward -= both["strike"].to_numpy() * np.exp(-rules.risk_free_rate * years)
    low = (both["bid_call"] - both["ask_put"]).to_numpy()
    high = (both["ask_call"] - both["bid_put"]).to_numpy()
    assert ((low <= forward + 1e-9) & (forward <= high + 1e-9)).all()


def _require_american_parity(chain, session):
    both = chain.pivot("right", index=["expiry", "strike", "spot"], values=["bid", "ask"])
    years = years_of((both["expiry"] - session).dt.total_days().to_numpy())
    rules, spot, strike = ChainRules(), both["spot"].to_numpy(), both["strike"].to_numpy()
    least = spot * np.exp(-rules.dividend_yield * years) - strike
    most = spot - strike * np.exp(-rules.risk_free_rate * years)
    assert ((both["bid_call"] - both["ask_put"]).to_numpy() <= most + 1e-9).all()
    assert ((both["ask_call"] - both["bid_put"]).to_numpy() >= least - 1e-9).all()


def test_the_price_of_each_stated_volatility_lies_between_bid_and_ask(chain, session):
    years = years_of((chain["expiry"] - session).dt.total_days().to_numpy())
    rules = ChainRules()
    priced = black_scholes(
        chain["spot"].to_numpy(),
        chain["strike"].to_numpy(),
        years,
        chain["source_iv"].to_numpy(),
        rules.risk_free_rate,
        rules.dividend_yield,
        option_sign(chain["right"].to_numpy()),
    ).price
    assert (chain["bid"].to_numpy() <= priced + 1e-9).all()
    assert (priced <= chain["ask"].to_numpy() + 1e-9).all()


def test_puts_cost_more_volatility_than_calls_as_far_away(chain):
    near = chain.filter(pl.col("expiry") == chain["expiry"].unique().sort()[1])
    put = near.filter(right="put").sort((pl.col("source_delta") + 0.25).abs())
    call = near.filter(right="call").sort((pl.col("source_delta") - 0.25).abs())
    assert put["source_iv"][0] > call["source_iv"][0]


def test_the_spot_and_the_quotes_are_of_the_close(chain, session):
    bar = SimulatedSource(7).bars("SPY", session, session)
    assert chain["spot"].unique().to_list() == bar["close"].to_list()
    assert chain["quoted_at"].unique().to_list() == [close_time(session).astimezone(UTC)]


def test_a_half_day_closes_early():
    chain = SimulatedSource(7).option_chain("SPY", date(2019, 7, 3), NOW)
    assert chain["quoted_at"][0].astimezone(NEW_YORK).time() == time(13, 0)


@pytest.mark.parametrize("day", [date(1999, 12, 31), date(2024, 3, 9), date(2026, 1, 5)])
def test_a_day_without_a_close_has_no_chain(day):
    with pytest.raises(SourceError, match=f"no chain of SPY for {day}"):
        SimulatedSource(7).option_chain("SPY", day, NOW)


def test_the_seed_the_ticker_and_the_session_make_the_chain():
    def quotes(seed, ticker, day):
        return SimulatedSource(seed).option_chain(ticker, day, NOW)["open_interest"].to_list()

    first = quotes(7, "SPY", SESSIONS[2])
    assert first == quotes(7, "SPY", SESSIONS[2])
    others = [quotes(8, "SPY", SESSIONS[2]), quotes(7, "QQQ", SESSIONS[2])]
    assert first not in [*others, quotes(7, "SPY", SESSIONS[1])]


def at_the_money(source, ticker, session):
    chain = source.option_chain(ticker, session, NOW)
    near = chain.filter((pl.col("expiry") - session).dt.total_days().is_between(20, 40))
    off = (near["strike"] / near["spot"] - 1.0).abs()
    return 100.0 * near.filter(off < 0.02)["source_iv"].mean()


def test_a_chain_is_quoted_around_the_volatility_of_its_own_ticker():
    """The volatility of a ticker's chains follows the ticker, not the index of another."""
    source, year = SimulatedSource(7), (date(2016, 1, 4), date(2016, 12, 30))
    realised, expected = {}, {}
    for ticker in ("AAPL", "MSFT", "XOM", "IBM"):
        returns = source.bars(ticker, date(2005, 1, 3), year[1])["close"].log().diff()
        realised[ticker] = returns.std()
        expected[ticker] = at_the_money(source, ticker, NO_REPORT_NEAR)
    assert len({round(value, 1) for value in expected.values()}) == 4
    assert sorted(realised, key=realised.get) == sorted(expected, key=expected.get)


def test_a_chain_is_quoted_around_the_configured_index():
    day = SESSIONS[1]
    plain, named = SimulatedSource(7), SimulatedSource(7, {"AAPL": "VXAPL", "QQQ": "CHAIN"})
    index = {name: plain.index_bars(name, day, day)["close"][0] for name in ("VIX", "VXAPL")}
    assert abs(index["VXAPL"] / index["VIX"] - 1.0) > 0.1
    # The skew keeps what is at the money below the index, by about the same share everywhere.
    share = at_the_money(plain, "SPY", day) / index["VIX"]
    assert 0.8 < share < 1.0
    assert at_the_money(named, "AAPL", day) == pytest.approx(share * index["VXAPL"], rel=0.05)
    assert at_the_money(named, "QQQ", day) == at_the_money(plain, "QQQ", day)
    options = source_options(make_settings({"source": "simulated", "iv_symbol": {"QQQ": "VXN"}}))
    opened = open_source("simulated", options)
    vxn = opened.index_bars("VXN", day, day)["close"][0]
    assert at_the_money(opened, "QQQ", day) == pytest.approx(share * vxn, rel=0.05)


@pytest.fixture(scope="module")
def before_a_report():
    """A chain of a stock three sessions before its report, and the first session that knows it."""
    source = SimulatedSource(7)
    report = with_anchors(
        source.earnings("GOOGL", date(2024, 4, 1), date(2024, 6, 1)).filter(status="confirmed")
    )
    session = shift(report["anchor"][0], -3)
    return source.option_chain("GOOGL", session, NOW), session, report["reaction"][0]


def test_only_expiries_that_know_a_report_carry_its_variance(before_a_report):
    chain, session, reaction = before_a_report
    variance = at_close(7, "GOOGL", session)[1].variance
    quotes = chain.with_columns(mid=(pl.col("bid") + pl.col("ask")) / 2, quality=pl.lit(None))
    assert event_variance(quotes, session, reaction, 0.25) == pytest.approx(variance, rel=0.1)
    at_the_forward = (pl.col("strike") / pl.col("spot") - 1.0).abs() < 0.02
    iv = dict(
        chain.filter(at_the_forward).group_by("expiry").agg(pl.col("source_iv").mean()).iter_rows()
    )
    before, after = (
        [iv[day] for day in sorted(iv) if (day >= reaction) == knows] for knows in (False, True)
    )
    assert after[0] > 1.4 * max(before)
    assert after == sorted(after, reverse=True)


def test_parity_holds_and_total_variance_never_falls_across_a_report(before_a_report):
    chain, session, _ = before_a_report
    test_quotes_keep_put_call_parity_within_their_width(chain, session)
    days = (pl.col("expiry") - pl.lit(session)).dt.total_days()
    totals = chain.with_columns(total=pl.col("source_iv") ** 2 * days).sort("expiry")
    rises = totals.filter(right="call").with_columns(rise=pl.col("total").diff().over("strike"))
    assert (rises["rise"].drop_nulls() > 0).all()


def test_a_stock_whose_volatility_is_modelled_is_quoted_around_its_own():
    plain, modelled = SimulatedSource(7), SimulatedSource(7, {"MSFT": "MODEL"})
    day = SESSIONS[2]
    assert modelled.option_chain("MSFT", day, NOW).equals(plain.option_chain("MSFT", day, NOW))
