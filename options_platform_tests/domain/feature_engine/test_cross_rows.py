"""The family `cross`: golden values, equal to slow formulas, and untouched by who joins later."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.earnings.known_sessions import REACTIONS
from options_platform.domain.feature_engine.cross_rows import (
    INPUTS,
    cross_features,
    mean_correlation,
    universe_id,
    universe_ids,
)
from options_platform.domain.feature_engine.groups import GroupRules

TICKERS = ("AAPL", "AMZN", "GOOGL", "MSFT", "NVDA", "SPY")
START = date(2023, 6, 1)


@pytest.fixture(scope="module")
def inputs(reference_data):
    frames = []
    for ticker in TICKERS:
        prices = pl.read_csv(reference_data / f"prices/{ticker}.csv", try_parse_dates=True)
        close = pl.col("close")
        made = prices.filter(pl.col("date") >= START).with_columns(
            ticker=pl.lit(ticker), vix=pl.lit(16.0), hv_20=pl.lit(0.2), iv_rank=pl.lit(0.5),
            iv=0.2 + 0.001 * (pl.int_range(pl.len()) % 7),
            returns_20d=close / close.shift(20) - 1.0, returns_60d=close / close.shift(60) - 1.0,
        )  # fmt: skip
        frames.append(made.select("date", "ticker", *INPUTS))
    return pl.concat(frames).sort("date", "ticker")


NONE = pl.DataFrame(schema=REACTIONS)


def made(inputs, reactions=NONE, **options):
    options = {"universe": TICKERS, "funds": ("SPY",), "groups": GroupRules()} | options
    return cross_features(inputs, reactions, **options)


@pytest.fixture(scope="module")
def rows(inputs):
    return made(inputs)


def at(rows, ticker, day):
    return rows.row(by_predicate=(pl.col("date") == day) & (pl.col("ticker") == ticker), named=True)


def test_the_relation_to_the_market_is_the_golden_one(rows, reference_data):
    golden = pl.read_csv(reference_data / "earnings/golden.csv", try_parse_dates=True)
    golden = golden.filter(pl.col("id").str.starts_with("X"))
    assert golden.height == 15
    for row in golden.to_dicts():
        found = at(rows, row["ticker"], row["date"])[row["what"]]
        assert found == pytest.approx(row["value"], abs=row["tolerance"]), row["id"]


def test_mean_correlation_is_that_of_all_pairs(inputs, rows):
    wide = inputs.pivot(on="ticker", index="date", values="close").sort("date")
    stocks = wide.drop("date", "SPY").to_numpy()
    returns = np.vstack([np.full(5, np.nan), np.diff(np.log(stocks), axis=0)])
    found = mean_correlation(returns)
    for row in (60, 61, 200, len(returns) - 1):
        pairs = np.corrcoef(returns[row - 59 : row + 1].T)[np.triu_indices(5, 1)]
        assert found[row] == pytest.approx(pairs.mean(), rel=1e-12)
    assert np.isnan(found[:60]).all()
    day = wide["date"].to_list()[200]
    assert at(rows, "AAPL", day)["dispersion_60"] == pytest.approx(1.0 - found[200])


def test_without_the_days_after_a_session_its_row_is_the_same(inputs, rows):
    for day in (date(2024, 10, 1), date(2024, 10, 2), date(2024, 12, 30)):
        short = made(inputs.filter(pl.col("date") <= day))
        assert short.equals(rows.filter(pl.col("date") <= day))


def test_a_ticker_that_joins_later_changes_no_earlier_row_but_universe_id(inputs, rows):
    day = date(2024, 6, 3)
    later = inputs.filter((pl.col("ticker") != "NVDA") | (pl.col("date") >= day))
    before = pl.col("date") < day
    others = before & (pl.col("ticker") != "NVDA")
    joined, never = made(later), made(inputs.filter(pl.col("ticker") != "NVDA"))
    assert joined.filter(before).equals(never.filter(before))
    assert set(joined["universe_id"]) == {universe_id(TICKERS)}
    # Ranks, peers and dispersion rest on who is there; what a ticker is to the market does not.
    own = ["date", "ticker", "beta_60", "corr_60", "idio_vol_60", "beta_252x", "rel_strength_60"]
    assert joined.filter(others).select(own).equals(rows.filter(others).select(own))
    assert universe_id(TICKERS) == universe_id(TICKERS[::-1]) != universe_id(TICKERS[:-1])


def test_a_ticker_counts_for_others_from_its_membership_on(inputs, rows):
    """Its history before, which the source has, is nobody's rank, peer or dispersion."""
    day = date(2024, 6, 3)
    own = ["beta_60", "corr_60", "idio_vol_60", "beta_252x", "rel_strength_60", "iv_over_index"]
    members = made(inputs, since={"NVDA": day})
    without = made(inputs.filter(pl.col("ticker") != "NVDA"), universe=TICKERS[:4] + TICKERS[5:])
    before, others = pl.col("date") < day, pl.col("ticker") != "NVDA"
    assert members.filter(before & others).equals(without.filter(before))
    assert members.filter(~before).equals(rows.filter(~before))
    alone = members.filter(before & ~others)
    assert alone.select(own).equals(rows.filter(before & ~others).select(own))
    assert alone["xs_rank_ret_20"].null_count() == alone.height
    assert alone["peer_ret_5"].null_count() < alone.height
    short = made(inputs.filter(pl.col("date") < date(2024, 7, 1)), since={"NVDA": day})
    assert short.equals(members.filter(pl.col("date") < date(2024, 7, 1)))


def test_the_universe_of_a_session_is_the_members_of_that_session():
    days = pl.Series([date(2012, 5, 17), date(2012, 5, 18), date(2024, 1, 2)])
    ids = universe_ids(days, ("META", "AAPL"), {"META": date(2012, 5, 18)}).to_list()
    assert ids == [universe_id(["AAPL"]), *[universe_id(["AAPL", "META"])] * 2]
    assert universe_ids(days, ("AAPL",), {}).to_list() == [universe_id(["AAPL"])] * 3


def test_peers_are_the_others_of_the_group_and_at_least_three(inputs, rows):
    day = date(2024, 12, 31)
    now = inputs.pivot(on="ticker", index="date", values="close").sort("date")
    grown = {t: now[t][-1] / now[t][-6] - 1.0 for t in TICKERS}
    expected = np.mean([grown[t] for t in ("AMZN", "GOOGL", "MSFT", "NVDA")])
    row = at(rows, "AAPL", day)
    assert row["peer_ret_5"] == pytest.approx(expected, rel=1e-9)
    assert row["sector_ret_5"] is None  # Two others of its sector are too few.
    assert at(rows, "SPY", day)["peer_ret_5"] is None
    assert at(rows, "SPY", day)["peer_reported_5d"] is None


def test_a_peers_reaction_counts_for_five_sessions_and_for_the_others_alone(inputs):
    days = inputs["date"].unique().sort().to_list()[-7:]
    reactions = pl.DataFrame(
        [(day, "AAPL", days[0], age, 0.05) for age, day in enumerate(days)],
        schema=REACTIONS, orient="row",
    )  # fmt: skip
    found = made(inputs, reactions)
    seen = [at(found, "MSFT", day)["peer_reported_5d"] for day in days]
    assert seen == [True] * 5 + [False] * 2
    assert at(found, "MSFT", days[4])["peer_move"] == pytest.approx(0.05)
    assert at(found, "MSFT", days[5])["peer_move"] is None
    assert at(found, "AAPL", days[0])["peer_reported_5d"] is False


def test_ranks_need_five_values_and_ties_share_theirs(inputs, rows):
    day = date(2024, 12, 31)
    ranks = sorted(at(rows, t, day)["xs_rank_ret_20"] for t in TICKERS)
    assert ranks == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert {at(rows, t, day)["xs_rank_hv_20"] for t in TICKERS} == {0.5}
    few = made(inputs.filter(pl.col("ticker").is_in(TICKERS[:4])))
    assert few["xs_rank_ret_20"].null_count() == few.height


def test_implied_correlation_needs_most_of_the_weight(inputs):
    day = date(2024, 12, 31)
    weights = dict.fromkeys(TICKERS[:5], 0.15)
    found = at(made(inputs, groups=GroupRules(weights=weights)), "AAPL", day)
    iv = dict(inputs.filter(pl.col("date") == day).select("ticker", "iv").iter_rows())
    parts = [0.2 * iv[t] for t in TICKERS[:5]]
    off = sum(a * b for i, a in enumerate(parts) for j, b in enumerate(parts) if i != j)
    expected = (iv["SPY"] ** 2 - sum(a * a for a in parts)) / off
    assert found["implied_corr"] == pytest.approx(expected)
    assert found["implied_corr_weight"] == pytest.approx(0.75)
    less = made(inputs, groups=GroupRules(weights=dict.fromkeys(TICKERS[:5], 0.1)))
    assert less["implied_corr"].null_count() == less.height
    assert at(less, "AAPL", day)["implied_corr_weight"] == pytest.approx(0.5)
