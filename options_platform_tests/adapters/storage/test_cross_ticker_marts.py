"""Marts across tickers, beside values that numpy computes from the same closes of 2024."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.storage.marts import build_marts
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS, POSITIONS, RAW_OHLCV, TICKER_GROUPS, VIX

NOW = datetime(2026, 1, 2, tzinfo=UTC)
STOCKS = ("AAPL", "MSFT", "NVDA")
TICKERS = ("SPY", *STOCKS)
START, END = date(2024, 1, 2), date(2024, 12, 31)
MISSING = date(2024, 3, 15)
WEIGHTS = {"AAPL": 0.07, "MSFT": 0.06, "NVDA": 0.05}


def fitted(table, frame):
    added = frame.with_columns(
        pl.lit(None, kind).alias(name)
        for name, kind in table.schema.items()
        if name not in frame.columns
    )
    return table, added.select(table.schema.names()).cast(dict(table.schema))


def vix_rows(days, symbols, level):
    return pl.concat(
        [
            pl.DataFrame({"date": days}).with_columns(
                ticker=pl.lit(ticker), iv_symbol=pl.lit(symbol), iv_close=pl.lit(level[ticker]),
                source=pl.lit("csv"), fetched_at=pl.lit(NOW),
            )
            for ticker, symbol in symbols.items()
        ]
    )  # fmt: skip


def groups(weights):
    return pl.DataFrame(
        [("SPY", t, "tech" if t in STOCKS else t, 1.5 if t == "NVDA" else None, weights.get(t))
         for t in TICKERS],
        schema=TICKER_GROUPS.schema, orient="row",
    )  # fmt: skip


@pytest.fixture(scope="module")
def closes(reference_data):
    frames = [
        pl.read_csv(reference_data / "prices" / f"{ticker}.csv", try_parse_dates=True)
        .filter(pl.col("date").is_between(START, END))
        .select("date", pl.col("close").alias(ticker))
        for ticker in TICKERS
    ]
    joined = frames[0]
    for frame in frames[1:]:
        joined = joined.join(frame, on="date", validate="1:1")
    return joined.sort("date")


@pytest.fixture(scope="module")
def reports(reference_data):
    rows = pl.read_csv(reference_data / "earnings" / "events_2000_2024.csv", try_parse_dates=True)
    return rows.filter(
        pl.col("ticker").is_in(STOCKS), pl.col("react").cast(pl.Date).is_between(START, END)
    ).select("ticker", date="rep", anchor="anchor", reaction="react", status=pl.lit("reported"))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory, closes, reports):
    warehouse = Warehouse(tmp_path_factory.mktemp("marts") / "w.duckdb", wait_seconds=2)
    bars = closes.unpivot(index="date", variable_name="ticker", value_name="close")
    # A bar that was set aside keeps its row, without prices.
    lost = (pl.col("date") == MISSING) & (pl.col("ticker") == "MSFT")
    bars = bars.with_columns(pl.when(~lost).then("close").alias("close"))
    stamped = {"source": pl.lit("csv"), "fetched_at": pl.lit(NOW)}
    symbols = {"SPY": "VIX", "AAPL": "VXAPL", "MSFT": "MODEL", "NVDA": "VIX"}
    level = {"SPY": 16.0, "AAPL": 25.0, "MSFT": 22.0, "NVDA": 16.0}
    warehouse.write(
        [
            fitted(RAW_OHLCV, bars.with_columns(**stamped)),
            fitted(VIX, vix_rows(closes["date"], symbols, level)),
            fitted(EARNINGS, reports.with_columns(**stamped)),
            (TICKER_GROUPS, groups(WEIGHTS)),
        ]
    )
    build_marts(warehouse)
    return warehouse


def returns_of(closes, ticker):
    values = closes[ticker].to_numpy().copy()
    if ticker == "MSFT":
        values[closes["date"].to_list().index(MISSING)] = np.nan
    return np.diff(np.log(values), prepend=np.nan)


def by_date(frame, column):
    return dict(frame.select("date", column).iter_rows())


def test_beta_correlation_and_relative_strength_are_those_of_the_golden_rows(
    warehouse, reference_data
):
    golden = pl.read_csv(reference_data / "earnings" / "golden.csv", infer_schema_length=0).filter(
        pl.nth(0).str.starts_with("X")
    )
    assert golden.height == 15
    rows = warehouse.query(
        "SELECT * FROM marts.beta_through_time JOIN marts.relative_strength USING (date, ticker)"
    )
    for name, ticker, day, value in golden.select(golden.columns[1:5]).iter_rows():
        row = rows.filter(date=date.fromisoformat(day), ticker=ticker).row(0, named=True)
        assert row[name] == pytest.approx(float(value), abs=1e-6)


def test_every_session_has_the_beta_of_its_own_60_returns_or_no_row(warehouse, closes):
    market, days = returns_of(closes, "SPY"), closes["date"].to_list()
    for ticker in STOCKS:
        own = returns_of(closes, ticker)
        wanted = {}
        for at in range(60, len(days)):
            x, y = market[at - 59 : at + 1], own[at - 59 : at + 1]
            if np.isfinite(y).all():
                slope, level = np.polyfit(x, y, 1)
                rest = np.sqrt(np.sum((y - level - slope * x) ** 2) / 58 * 252)
                wanted[days[at]] = (slope, np.corrcoef(x, y)[0, 1], rest)
        stored = warehouse.query(f"SELECT * FROM marts.beta_through_time WHERE ticker = '{ticker}'")
        assert set(stored["date"]) == set(wanted)
        for row in stored.iter_rows(named=True):
            found = (row["beta_60"], row["corr_60"], row["idio_vol_60"])
            assert found == pytest.approx(wanted[row["date"]], rel=1e-9)


def test_a_pair_is_correlated_at_the_last_session_of_each_month(warehouse, closes):
    days = closes["date"].to_list()
    last = {day.month: at for at, day in enumerate(days)}
    stored = warehouse.query("SELECT * FROM marts.correlation_matrix")
    rows = {(r["date"], r["ticker"], r["other"]): r["corr_60"] for r in stored.to_dicts()}
    wanted = {}
    for at in last.values():
        if at < 60:
            continue
        for k, first in enumerate(sorted(TICKERS)):
            for second in sorted(TICKERS)[k + 1 :]:
                pair = [returns_of(closes, t)[at - 59 : at + 1] for t in (first, second)]
                if np.isfinite(pair).all():
                    wanted[days[at], first, second] = np.corrcoef(*pair)[0, 1]
    assert rows.keys() == wanted.keys()
    assert all(rows[key] == pytest.approx(wanted[key], rel=1e-9) for key in wanted)


def test_dispersion_is_one_less_the_mean_correlation_of_all_pairs_of_stocks(warehouse, closes):
    days = closes["date"].to_list()
    stored = warehouse.query("SELECT * FROM marts.dispersion")
    of_pairs = by_date(stored, "mean_corr_60")
    assert stored.height == len(days) - 60
    for at in (60, 100, 150, len(days) - 1):
        windows = [returns_of(closes, t)[at - 59 : at + 1] for t in STOCKS]
        whole = [w for w in windows if np.isfinite(w).all()]
        matrix = np.corrcoef(whole)
        mean = matrix[np.triu_indices(len(whole), 1)].mean()
        assert of_pairs[days[at]] == pytest.approx(mean, rel=1e-9)
        assert by_date(stored, "dispersion_60")[days[at]] == pytest.approx(1 - mean, rel=1e-9)
        assert by_date(stored, "stocks")[days[at]] == len(whole)


def test_an_implied_correlation_says_how_much_of_the_index_it_covers(warehouse):
    rows = warehouse.query("SELECT * FROM marts.implied_correlation")
    row = rows.row(-1, named=True)
    # NVDA is on the VIX, so it has no implied volatility of its own.
    weights, vols = np.array([0.07, 0.06]) / 0.13, np.array([0.25, 0.22])
    own = np.sum(weights**2 * vols**2)
    pairs = sum(weights[i] * weights[j] * vols[i] * vols[j] for i, j in ((0, 1), (1, 0)))
    assert row["implied_corr"] == pytest.approx((0.16**2 - own) / pairs)
    assert (row["stocks"], row["weights"], row["is_covered"]) == (2, "given", False)
    assert row["share_covered"] == pytest.approx(0.13)
    assert row["share_modelled"] == pytest.approx(6 / 13)
    assert row["mean_corr_60"] is not None


@pytest.mark.parametrize(
    ("weights", "expected"),
    [({"AAPL": 0.4, "MSFT": 0.2, "NVDA": 0.1}, ("given", 0.6, True)), ({}, ("equal", None, False))],
)
def test_from_60_percent_of_the_weight_it_is_covered_and_equal_weights_never_are(
    tmp_path, closes, reports, weights, expected
):
    warehouse = Warehouse(tmp_path / "w.duckdb", wait_seconds=2)
    stamped = {"source": pl.lit("csv"), "fetched_at": pl.lit(NOW)}
    symbols = {"SPY": "VIX", "AAPL": "VXAPL", "MSFT": "MODEL"}
    level = {"SPY": 16.0, "AAPL": 25.0, "MSFT": 22.0}
    warehouse.write(
        [
            fitted(VIX, vix_rows(closes["date"].tail(1), symbols, level)),
            fitted(EARNINGS, reports.with_columns(**stamped)),
            (TICKER_GROUPS, groups(weights)),
        ]
    )
    build_marts(warehouse)
    row = warehouse.query("SELECT * FROM marts.implied_correlation").row(0, named=True)
    found = (row["weights"], row["share_covered"], row["is_covered"])
    assert found == (expected[0], pytest.approx(expected[1]), expected[2])


def test_the_strongest_of_a_session_has_rank_one(warehouse):
    rows = warehouse.query("SELECT * FROM marts.relative_strength").filter(date=END)
    ordered = rows.sort("rel_strength_60", descending=True)
    assert ordered["rank_60"].to_list() == [1, 2, 3]
    assert set(ordered["ranked"]) == {3}


def test_comovement_compares_reactions_of_another_with_the_other_sessions(
    warehouse, closes, reports
):
    days = np.array(closes["date"].to_list())
    react = {t: np.isin(days, reports.filter(ticker=t)["reaction"].to_list()) for t in STOCKS}
    stored = warehouse.query("SELECT * FROM marts.report_comovement")
    assert stored.height == len(STOCKS) * (len(TICKERS) - 1)
    for row in stored.iter_rows(named=True):
        moves = {t: np.expm1(returns_of(closes, t)) for t in TICKERS}
        own = moves[row["ticker"]]
        usable = np.isfinite(own) & ~react.get(row["ticker"], np.zeros(len(days), bool))
        on = usable & react[row["reporter"]] & np.isfinite(moves[row["reporter"]])
        off = usable & ~on
        sign = np.sign(moves[row["reporter"]][on])
        together = own[on] * sign
        n, sizes, others = on.sum(), np.abs(own[on]), np.abs(own[off])
        assert (row["reports"], row["other_sessions"]) == (n, off.sum())
        assert row["mean_move"] == pytest.approx(own[on].mean())
        half = 1.96 * together.std(ddof=1) / np.sqrt(n)
        ends = (together.mean(), together.mean() - half, together.mean() + half)
        found = (row["mean_move_with"], row["with_low"], row["with_high"])
        assert found == pytest.approx(ends)
        extra = sizes.mean() - others.mean()
        half = 1.96 * np.sqrt(sizes.var(ddof=1) / n + others.var(ddof=1) / off.sum())
        found = (row["extra_abs_move"], row["extra_low"], row["extra_high"])
        assert found == pytest.approx((extra, extra - half, extra + half))
        wanted = np.corrcoef(own[on], moves[row["reporter"]][on])[0, 1]
        assert row["corr_of_moves"] == pytest.approx(wanted)


def test_exposure_sums_open_positions_of_a_group_and_leaves_closed_ones_out(tmp_path):
    warehouse = Warehouse(tmp_path / "w.duckdb", wait_seconds=2)
    positions = pl.DataFrame(
        [("AAPL", "a", 2, 400.0, 30.0, 100.0), ("NVDA", "b", 1, 200.0, -10.0, 50.0),
         ("NVDA", "c", 0, 900.0, 5.0, 50.0), ("XYZ", "d", 1, 200.0, 1.0, 10.0)],
        schema=("ticker", "position_id", "contracts", "max_loss_usd", "delta", "spot"),
        orient="row",
    ).with_columns(
        account=pl.lit("paper"), date=pl.lit(END), strategy=pl.lit("x"),
        opened_on=pl.lit(END - timedelta(days=5)), expiry=pl.lit(END), stale=pl.lit(value=False),
        rule_set=pl.lit("plan"),
    )  # fmt: skip
    warehouse.write([fitted(POSITIONS, positions), (TICKER_GROUPS, groups({}))])
    build_marts(warehouse)
    rows = warehouse.query(
        "SELECT risk_group, tickers, open_positions, contracts, max_loss_usd, share_of_max_loss, "
        "delta_usd, beta_delta_usd FROM marts.exposure_by_group"
    ).rows()
    assert rows == [
        ("XYZ", "XYZ", 1, 1, 200.0, 0.25, 10.0, 10.0),
        ("tech", "AAPL, NVDA", 2, 3, 600.0, 0.75, 2500.0, 2250.0),
    ]
