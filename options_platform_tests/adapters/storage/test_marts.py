from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.marts import MartError, build_marts, load_marts, marts_folder
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    BACKTEST_DECISIONS,
    BACKTEST_EQUITY,
    BACKTEST_TRADES,
    DIRECTIONS,
    LABELS,
    MODEL_PREDICTIONS,
    PAPER_ORDERS,
    REGIME,
    REGIME_TRANSITIONS,
    TRADE_PLAN,
    Table,
)
from options_platform.models.evaluation import ALL, evaluate_direction, evaluate_volatility

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DAYS = [date(2019, 9, 2) + timedelta(days=n) for n in range(200)]
TICKERS = ("AAA", "BBB")


def predictions_and_labels() -> tuple[pl.DataFrame, pl.DataFrame]:
    random = np.random.default_rng(3)
    labels, predictions = [], []
    for ticker in TICKERS:
        chosen = random.integers(0, 3, len(DAYS))
        labels.append(
            pl.DataFrame(
                {
                    "date": DAYS,
                    "ticker": ticker,
                    "fwd_return_5d": 0.02 * (chosen - 1.0),
                    "direction": [DIRECTIONS[k] for k in chosen],
                    "fwd_iv_rank_5d": random.uniform(0, 1, len(DAYS)),
                    "fwd_rv_5d": 0.2,
                    "known_on": DAYS,
                    "neutral_band": 0.01,
                    "reaction_in_5d": None,
                    "fwd_rv_5d_ex": None,
                }
            )
        )
        for model in ("direction", "prior"):
            p = random.dirichlet([1, 1, 1], len(DAYS))
            predictions.append(
                pl.DataFrame(
                    {
                        "model": model,
                        "target": "direction",
                        "p_bearish": p[:, 0],
                        "p_neutral": p[:, 1],
                        "p_bullish": p[:, 2],
                    }
                ).with_columns(date=pl.Series(DAYS), ticker=pl.lit(ticker))
            )
        predictions += [
            pl.DataFrame(
                {
                    "date": DAYS,
                    "ticker": ticker,
                    "model": model,
                    "target": "iv_rank",
                    "iv_rank_pred": random.uniform(0, 1, len(DAYS)),
                }
            )
            for model in ("volatility", "persistence")
        ]
    made = pl.concat(
        [
            frame.with_columns(
                pl.lit(None, dtype).alias(name)
                for name, dtype in MODEL_PREDICTIONS.schema.items()
                if name not in frame.columns
            ).select(MODEL_PREDICTIONS.schema.names())
            for frame in predictions
        ],
        how="vertical_relaxed",
    )
    known = pl.concat(labels).with_columns(
        pl.when(pl.col("date") < DAYS[-5]).then(pl.col(name)).alias(name)
        for name in ("fwd_return_5d", "direction", "fwd_iv_rank_5d", "fwd_rv_5d")
    )
    made = made.with_columns(fold=pl.col("date").dt.strftime("%Y-%m"))
    return made.cast(MODEL_PREDICTIONS.schema), known.cast(LABELS.schema)


def plan_rows() -> tuple[pl.DataFrame, pl.DataFrame]:
    plans = [
        (DAYS[0], "AAA", "trade", ["REGIME_LOW_VOL"], "bull_call_spread", 3, 900.0),
        (DAYS[1], "AAA", "trade", ["REGIME_LOW_VOL"], "bull_call_spread", 2, 600.0),
        (DAYS[2], "AAA", "no_trade", ["BAD_BAR", "NO_VIX"], "none", 0, None),
        (DAYS[3], "AAA", "no_trade", ["NO_VIX"], "none", 0, None),
    ]
    names = ("date", "ticker", "decision", "reasons", "strategy", "contracts", "max_loss_usd")
    frame = pl.DataFrame(plans, schema=names, orient="row").with_columns(
        plan_id=pl.format("plan-{}", pl.col("date"))
    )
    frame = frame.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in TRADE_PLAN.schema.items()
        if name not in frame.columns
    )
    orders = frame.select(
        "date",
        "ticker",
        "plan_id",
        client_order_id=pl.lit(None, pl.String),
        status=pl.when(pl.col("decision") == "trade")
        .then(pl.lit("filled"))
        .otherwise(pl.lit("no_trade")),
        reason=pl.lit(None, pl.String),
        contracts="contracts",
        filled_qty="contracts",
        avg_price=pl.lit(None, pl.Float64),
        broker=pl.lit("simulated"),
        updated_at=pl.lit(NOW),
        rule_set=pl.lit("plan"),
    )
    return (
        frame.select(TRADE_PLAN.schema.names()).cast(TRADE_PLAN.schema),
        orders.cast(PAPER_ORDERS.schema),
    )


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    return Warehouse(tmp_path / "w.duckdb", wait_seconds=2)


def write_sql(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


def test_every_shipped_mart_builds_on_a_warehouse_without_rows(warehouse):
    built = dict(build_marts(warehouse))
    assert set(built) == {path.stem for path in marts_folder().glob("*.sql")}
    assert set(built.values()) == {0}


def test_a_mart_carries_its_description(warehouse):
    build_marts(warehouse)
    found = warehouse.query(
        "SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = 'marts'"
    )
    assert dict(found.iter_rows()) == {mart.name: mart.description for mart in load_marts()}


def test_the_scorecard_agrees_with_the_evaluation(warehouse):
    predictions, labels = predictions_and_labels()
    warehouse.write([(MODEL_PREDICTIONS, predictions), (LABELS, labels)])
    build_marts(warehouse)
    scores = pl.concat(
        [evaluate_direction(predictions, labels), evaluate_volatility(predictions, labels)]
    ).filter((pl.col("period") == "all") & (pl.col("ticker") != ALL))
    wanted = {
        (row["model"], row["ticker"], row["metric"]): (row["value"], row["baseline"])
        for row in scores.iter_rows(named=True)
    }
    weighted = warehouse.query(
        """
        SELECT model, ticker, sum(predictions) AS n,
            sum(predictions * accuracy) / n AS accuracy,
            sum(predictions * naive_accuracy) / n AS naive_accuracy,
            sum(predictions * log_loss) / n AS log_loss,
            sum(predictions * naive_log_loss) / n AS naive_log_loss,
            sqrt(sum(predictions * rmse ** 2) / n) AS rmse,
            sqrt(sum(predictions * naive_rmse ** 2) / n) AS naive_rmse,
            sum(predictions * mae) / n AS mae, sum(predictions * naive_mae) / n AS naive_mae
        FROM marts.model_scorecard GROUP BY model, ticker
        """
    )
    assert weighted.height == 8
    for row in weighted.iter_rows(named=True):
        metrics = ("rmse", "mae") if row["rmse"] is not None else ("accuracy", "log_loss")
        for metric in metrics:
            value, baseline = wanted[row["model"], row["ticker"], metric]
            assert row[metric] == pytest.approx(value, abs=1e-12)
            assert row[f"naive_{metric}"] == pytest.approx(baseline, abs=1e-12)


def test_a_prediction_without_a_known_label_is_not_scored(warehouse):
    predictions, labels = predictions_and_labels()
    warehouse.write([(MODEL_PREDICTIONS, predictions), (LABELS, labels)])
    build_marts(warehouse)
    newest = warehouse.query("SELECT max(date) AS newest FROM marts.scored_predictions").item()
    assert newest == DAYS[-6]


def test_a_plan_refused_for_two_reasons_counts_under_both(warehouse):
    plans, orders = plan_rows()
    warehouse.write([(TRADE_PLAN, plans), (PAPER_ORDERS, orders)])
    build_marts(warehouse)
    found = warehouse.query("SELECT reason, refused, share_of_plans FROM marts.refusals_by_reason")
    assert found.rows() == [("NO_VIX", 2, 0.5), ("BAD_BAR", 1, 0.25)]


def test_orders_are_summed_by_strategy_and_state_without_no_trades(warehouse):
    plans, orders = plan_rows()
    warehouse.write([(TRADE_PLAN, plans), (PAPER_ORDERS, orders)])
    build_marts(warehouse)
    found = warehouse.query(
        "SELECT strategy, status, orders, contracts, filled_qty, planned_max_loss_usd "
        "FROM marts.orders_summary"
    )
    assert found.rows() == [("bull_call_spread", "filled", 2, 5, 5, 1500.0)]


def test_each_session_has_one_decision_even_without_rows_in_other_tables(warehouse):
    plans, _ = plan_rows()
    warehouse.write([(TRADE_PLAN, plans)])
    assert dict(build_marts(warehouse))["daily_decisions"] == plans.height


def test_shares_of_regimes_sum_to_one_per_ticker(warehouse):
    regime = pl.DataFrame(
        {
            "date": DAYS[:4],
            "ticker": "AAA",
            "regime": ["low_vol", "low_vol", "high_vol", None],
            "matched": [["low_vol"], ["low_vol"], ["high_vol"], None],
            "days_in_regime": [0, 1, 0, None],
            "previous_regime": [None, None, "low_vol", None],
        }
    ).cast(REGIME.schema)
    moves = pl.DataFrame(
        [(DAYS[2], "AAA", "low_vol", "high_vol", 2)], schema=REGIME_TRANSITIONS.schema, orient="row"
    )
    warehouse.write([(REGIME, regime), (REGIME_TRANSITIONS, moves)])
    build_marts(warehouse)
    found = warehouse.query(
        "SELECT regime, sessions, spells_ended, mean_sessions, share FROM marts.regime_summary"
    ).rows()
    assert found == [
        ("low_vol", 2, 1, 2.0, pytest.approx(2 / 3)),
        ("high_vol", 1, 0, None, pytest.approx(1 / 3)),
    ]


def test_marts_are_built_after_those_they_read(warehouse, tmp_path):
    folder = write_sql(
        tmp_path / "sql",
        a_last="-- Reads b.\nSELECT x + 1 AS x FROM marts.b_first;\n",
        b_first="-- One number.\nSELECT count(*) + 1 AS x FROM labels",
    )
    assert [mart.name for mart in load_marts(folder)] == ["b_first", "a_last"]
    assert build_marts(warehouse, folder) == [("b_first", 1), ("a_last", 1)]
    assert warehouse.query("SELECT x FROM marts.a_last").item() == 2


def test_a_sum_of_whole_numbers_is_a_bigint_unless_it_is_larger(warehouse, tmp_path):
    _, labels = predictions_and_labels()
    warehouse.write([(LABELS, labels)])
    query = """-- Sums.
        SELECT sum(1::BIGINT) AS small, sum(2::HUGEINT ** 64)::HUGEINT AS "too large" FROM labels"""
    build_marts(warehouse, write_sql(tmp_path / "sql", sums=query))
    columns = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'sums'"
    found = dict(warehouse.query(columns).iter_rows())
    assert found == {"small": "BIGINT", "too large": "HUGEINT"}
    assert warehouse.query("SELECT small FROM marts.sums").item() == labels.height


def test_a_mart_is_removed_by_the_next_build_after_its_file(warehouse, tmp_path):
    folder = write_sql(tmp_path / "sql", one="-- One.\nSELECT 1", two="-- Two.\nSELECT 2")
    build_marts(warehouse, folder)
    (folder / "two.sql").unlink()
    build_marts(warehouse, folder)
    found = warehouse.query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'marts'")
    assert found["table_name"].to_list() == ["one"]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("-- A.\nSELECT * FROM marts.nobody", "marts.nobody is not a mart"),
        ("-- A.\nSELECT * FROM prices", "prices is not a table"),
        ("-- A.\nSELECT * FROM 'prices.parquet'", "is not a table"),
        ("-- A.\nSELECT * FROM marts.bad", "circle: bad.sql -> bad.sql"),
        ("SELECT 1", "begin with a comment"),
        ("-- A.\nSELEC 1", "line 2: Invalid expression"),
        ("-- A.\nSELECT colour FROM labels", "colour"),
        ("-- A.\nDROP TABLE labels", "one SELECT and nothing else"),
        ("-- A.\nSELECT 'one", "bad.sql: "),
        ("-- A.\nSELECT 1; DELETE FROM labels", "one SELECT and nothing else"),
        ("-- A.\n", "one SELECT and nothing else"),
    ],
)
def test_a_mart_that_cannot_be_built_is_named_and_the_old_marts_stay(
    warehouse, tmp_path, sql, message
):
    _, labels = predictions_and_labels()
    warehouse.write([(LABELS, labels)])
    good = write_sql(tmp_path / "good", good="-- Good.\nSELECT 42 AS x")
    build_marts(warehouse, good)
    bad = write_sql(tmp_path / "sql", aaa="-- First.\nSELECT 1 AS x", bad=sql)
    with pytest.raises(MartError, match=message) as caught:
        build_marts(warehouse, bad)
    assert "bad.sql" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert warehouse.query("SELECT x FROM marts.good").item() == 42
    assert warehouse.read(LABELS).equals(labels.sort(LABELS.key))


def test_dependencies_are_read_from_the_sql_itself(tmp_path):
    folder = write_sql(
        tmp_path / "sql",
        base="-- A.\nSELECT date FROM main.labels -- FROM vix",
        top="""-- B.
            WITH regime AS (SELECT * FROM trade_plan),
            labels AS (SELECT * FROM regime JOIN marts.base USING (date))
            SELECT *, (SELECT max(date) FROM vix), 'FROM features' AS x FROM labels
            UNION ALL SELECT * FROM (SELECT * FROM paper_orders)""",
    )
    marts = {mart.name: mart for mart in load_marts(folder)}
    assert (marts["base"].refs, marts["base"].sources) == ((), ("labels",))
    assert marts["top"].refs == ("base",)
    # A common table expression hides the table of its name, also inside the one after it.
    assert set(marts["top"].sources) == {"trade_plan", "vix", "paper_orders"}


def backtest_rows() -> list[tuple[Table, pl.DataFrame]]:
    def fitted(table, **columns):
        given = pl.DataFrame({"run": "r", "fill_model": "default", **columns}, strict=False)
        filled = given.with_columns(
            pl.lit(0 if kind.is_numeric() else DAYS[0] if kind == pl.Date else "", kind).alias(name)
            for name, kind in table.schema.items()
            if name not in given.columns
        )
        return table, filled.select(table.schema.names()).cast(dict(table.schema))

    trades = fitted(
        BACKTEST_TRADES,
        plan_id=["a", "b", "c", "d"],
        strategy=["bull_put_spread", "bull_put_spread", "bear_call_spread", "bear_call_spread"],
        regime=["high_vol", "high_vol", "high_vol", "low_vol"],
        closed_on=[DAYS[5], DAYS[6], DAYS[7], None],
        pnl_usd=[60.0, -30.0, 20.0, 500.0],
        max_loss_usd=[300.0, 300.0, 200.0, 200.0],
        days_held=[10, 20, 6, 1],
        fees_usd=2.6,
    )
    equity = fitted(
        BACKTEST_EQUITY,
        date=[date(2019, 9, 2), date(2019, 9, 30), date(2019, 10, 1), date(2019, 10, 31)],
        equity_usd=[100.0, 110.0, 120.0, 99.0],
        yield_stale=False,
    )
    outcomes = ["passed", "refused", "not_reached", "refused"]
    decisions = pl.DataFrame(
        {
            "run": "r", "date": DAYS[:4], "ticker": "AAA", "step": 4, "rule": "NO_PREDICTION",
            "value": "x", "threshold": "known", "outcome": outcomes, "rule_set": "plan",
        }
    )  # fmt: skip
    return [trades, equity, (BACKTEST_DECISIONS, decisions.cast(dict(BACKTEST_DECISIONS.schema)))]


def test_performance_is_of_closed_trades_by_regime_and_by_strategy(warehouse):
    warehouse.write(backtest_rows())
    build_marts(warehouse)
    columns = "trades, win_rate, pnl_usd, profit_factor, expectancy_usd, mean_days_held, fees_usd"
    found = warehouse.query(f"SELECT regime, {columns} FROM marts.performance_by_regime")
    (row,) = found.rows()
    # 60 and 20 won, 30 lost; 36 days over three trades.
    assert row[:2] == ("high_vol", 3)
    assert row[2:] == pytest.approx((2 / 3, 50.0, 80 / 30, 50 / 3, 12.0, 7.8))
    found = warehouse.query(
        "SELECT strategy, trades, pnl_usd, profit_factor, expectancy_r "
        "FROM marts.performance_by_strategy"
    )
    bear, bull = found.rows()
    assert bear == ("bear_call_spread", 1, 20.0, None, pytest.approx(0.1))
    assert bull == ("bull_put_spread", 2, 30.0, 2.0, pytest.approx(0.05))


def test_a_month_begins_at_the_last_close_before_it(warehouse):
    warehouse.write(backtest_rows())
    build_marts(warehouse)
    found = warehouse.query("SELECT year, month, month_return FROM marts.monthly_returns").rows()
    assert found == [(2019, 9, pytest.approx(0.10)), (2019, 10, pytest.approx(-0.10))]


def test_a_rule_that_was_not_reached_does_not_count_as_checked(warehouse):
    warehouse.write(backtest_rows())
    build_marts(warehouse)
    found = warehouse.query(
        "SELECT rule, asked, refused, share_refused, first_refused, last_refused "
        "FROM marts.decision_summary"
    ).rows()
    assert found == [("NO_PREDICTION", 3, 2, pytest.approx(2 / 3), DAYS[1], DAYS[3])]


def test_a_folder_without_marts_says_so(warehouse, tmp_path):
    with pytest.raises(MartError, match=r"no \*\.sql file"):
        build_marts(warehouse, tmp_path)


def test_sums_of_integers_stay_integers(tmp_path):
    (tmp_path / "sums.sql").write_text(
        "-- Sums.\nSELECT sum(n) AS of_integers FROM (VALUES (9007199254740993), (1)) AS t(n)"
    )
    warehouse = Warehouse(tmp_path / "w.duckdb")
    build_marts(warehouse, tmp_path)
    with held(warehouse.path, wait_seconds=5) as connection:
        row = connection.execute("SELECT *, typeof(of_integers) FROM marts.sums").fetchone()
    assert row == (9007199254740994, "BIGINT")
