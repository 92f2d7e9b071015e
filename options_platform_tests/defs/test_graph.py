"""The asset graph as Dagster sees it: names, dependencies, owners, kinds, checks, policies."""

import dagster as dg
import pytest

from options_platform.adapters.storage.marts import marts_folder
from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.contracts import DIRECTION_MODEL, EARNINGS, IV_HISTORY, VOLATILITY_MODEL
from options_platform.definitions import build_defs
from options_platform.defs.jobs import JOB_NAME, MONEY_TAG, REPORTING_JOB_NAME
from options_platform.defs.market_data.earnings_checks import CHECKS
from options_platform.defs.models.checks import DESCRIPTIONS
from options_platform.defs.trading.intraday import INTRADAY_JOB_NAME
from options_platform.domain.checks.tables import rules_for
from options_platform.settings import make_settings
from options_platform.settings.broker_rules import LIVE_NOTE

UPSTREAM = {
    "raw_ohlcv": set(),
    "vix": {"raw_ohlcv"},
    "features": {"raw_ohlcv", "vix"},
    "labels": {"raw_ohlcv", "vix"},
    "direction_model": {"features", "labels"},
    "volatility_model": {"features", "labels"},
    "regime": {"features"},
    "trade_plan": {
        "raw_ohlcv", "vix", "features", "direction_model", "volatility_model", "regime", "earnings",
        "iv_history", "surface_error",
    },
    "paper_orders": {"trade_plan"},
}  # fmt: skip
NINE = tuple(UPSTREAM)


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return build_defs(make_settings({"home": home, "source": "simulated"}))


@pytest.fixture(scope="module")
def graph(definitions):
    return definitions.resolve_asset_graph()


def test_there_are_nine_assets_and_those_derived_from_them(graph):
    names = {key.to_user_string() for key in graph.get_all_asset_keys()}
    marts = {f"marts/{path.stem}" for path in marts_folder().glob("*.sql")}
    views = {"fills", "positions", "portfolio"}
    chains = {"option_chain", "iv_history", "surface_error"}
    others = {"earnings", "forward_record", "backtest", "report"}
    assert names == {*NINE, *chains, *views, *marts, *others}
    assert tuple(table.name for table in ASSET_TABLES) == NINE


def test_earnings_are_an_asset_of_their_own_in_the_daily_job(definitions, graph):
    node = graph.get(dg.AssetKey("earnings"))
    assert node.partitions_def == graph.get(dg.AssetKey("raw_ohlcv")).partitions_def
    assert (node.group_name, node.parent_keys) == ("market_data", set())
    keys = definitions.resolve_job_def(JOB_NAME).asset_layer.executable_asset_keys
    assert dg.AssetKey("earnings") in keys
    checks = {key.name for key in graph.asset_check_keys if key.asset_key == node.key}
    assert checks == {rule.name for rule in rules_for(EARNINGS)} | {*CHECKS}
    assert not any(
        graph.get_check_spec(dg.AssetCheckKey(node.key, name)).blocking
        for name in ("fresh", "dates_fit_trading", "sources_agree", "reports_apart")
    )
    assert "sessions_complete" not in checks
    assert "reports_apart" in checks


def test_the_forward_record_has_no_partitions_so_that_no_backfill_fills_it(graph):
    node = graph.get(dg.AssetKey("forward_record"))
    assert node.partitions_def is None
    assert (node.group_name, node.owners) == ("decisions", ["team:options-platform"])
    assert {key.to_user_string() for key in node.parent_keys} == {"trade_plan"}
    checks = [key for key in graph.asset_check_keys if key.asset_key == node.key]
    assert {key.name for key in checks} == {"chain_verifies"}
    assert not any(graph.get_check_spec(key).blocking for key in checks)


@pytest.mark.parametrize("name", NINE)
def test_each_is_described_grouped_owned_and_of_a_kind(graph, name):
    node = graph.get(dg.AssetKey(name))
    assert len(node.description) > 20
    assert node.group_name not in ("default", "")
    assert node.owners == ["team:options-platform"]
    assert "duckdb" in node.kinds
    assert len(node.kinds) >= 2
    columns = node.metadata["dagster/column_schema"].columns
    assert all(column.description for column in columns)


@pytest.mark.parametrize(
    ("mart", "parents"),
    [
        ("model_scorecard", {"marts/scored_predictions"}),
        ("scored_predictions", {"direction_model", "volatility_model", "labels"}),
        ("orders_summary", {"paper_orders", "trade_plan"}),
        ("regime_summary", {"regime", "vix", "labels"}),
        ("monthly_returns", {"backtest"}),
        ("decision_summary", {"backtest"}),
    ],
)
def test_each_mart_depends_on_the_tables_that_its_sql_reads(graph, mart, parents):
    node = graph.get(dg.AssetKey(["marts", mart]))
    assert {key.to_user_string() for key in node.parent_keys} == parents
    assert node.group_name == "reporting"
    assert node.owners == ["team:options-platform"]
    assert node.kinds == {"duckdb", "sql"}
    assert "FROM" in node.description


@pytest.mark.parametrize("name", NINE)
def test_each_asset_depends_on_the_assets_that_it_reads(graph, name):
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}
    assert parents == UPSTREAM[name]


def test_groups_read_from_left_to_right(graph):
    groups = [graph.get(dg.AssetKey(name)).group_name for name in NINE]
    assert list(dict.fromkeys(groups)) == [
        "market_data", "features", "models", "decisions", "orders",
    ]  # fmt: skip


def test_the_ledgers_views_are_grouped_with_the_orders_and_rebuilt_by_the_reporting_job(
    definitions, graph
):
    views = {"fills", "positions", "portfolio"}
    assert {graph.get(dg.AssetKey(name)).group_name for name in (*views, "paper_orders")} == {
        "orders"
    }
    job = definitions.resolve_job_def(REPORTING_JOB_NAME)
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert keys >= {*views, "report", "marts/orders_summary"}
    assert "paper_orders" not in keys


def test_all_share_one_partition_set(graph):
    sets = [graph.get(dg.AssetKey(name)).partitions_def for name in NINE]
    assert all(one == sets[0] for one in sets)
    assert sets[0].partition_dimension_names == ["date", "ticker"]


def test_data_and_models_have_different_policies_so_that_a_backfill_has_two_phases(graph):
    policies = {name: graph.get(dg.AssetKey(name)).backfill_policy for name in NINE}
    for name in NINE[:4]:
        assert policies[name] == dg.BackfillPolicy.single_run()
    for name in NINE[4:]:
        assert policies[name] == policies["direction_model"]
        assert policies[name] != policies["features"]


def test_pooled_training_needs_the_same_date_of_every_ticker(graph):
    for model in ("direction_model", "volatility_model"):
        node = graph.get(dg.AssetKey(model))
        for upstream in ("features", "labels"):
            mapping = node.partition_mappings[dg.AssetKey(upstream)]
            found = mapping.get_upstream_mapped_partitions_result_for_partitions(
                node.partitions_def.subset_with_partition_keys(["2015-03-17|QQQ"]),
                node.partitions_def,
                node.partitions_def,
            ).partitions_subset
            assert set(found.get_partition_keys()) == {
                f"2015-03-17|{ticker}" for ticker in ("SPY", "QQQ", "IWM")
            }


def test_every_rule_of_the_contracts_is_a_check_and_structure_blocks(graph):
    checks = {
        (key.asset_key.to_user_string(), key.name): graph.get_check_spec(key)
        for key in graph.asset_check_keys
    }
    tables = (*ASSET_TABLES, IV_HISTORY)
    rules = {(table.name, rule.name): rule for table in tables for rule in rules_for(table)}
    assert set(rules) <= set(checks)
    assert {key for key in rules if not checks[key].blocking} == {
        key for key, rule in rules.items() if not rule.blocking
    }
    structure = {"schema", "keys_unique", "nulls", "sessions_complete", "ranges"}
    assert all(spec.blocking for (name, rule), spec in checks.items() if rule in structure)
    models = {
        (table.name, check)
        for table in (DIRECTION_MODEL, VOLATILITY_MODEL)
        for check in DESCRIPTIONS
    }
    assert len(models) == 10
    assert models <= set(checks)
    assert all(checks[key].blocking for key in models)
    history = {("raw_ohlcv", name) for name in ("fresh", "adjusted_closes", "as_traded")}
    assert history <= set(checks) - set(rules)
    assert not any(checks[key].blocking for key in history)
    assert all(spec.description for spec in checks.values())


def test_one_job_and_one_schedule_serve_all(definitions):
    job = definitions.resolve_job_def(JOB_NAME)
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == {
        *NINE, "option_chain", "iv_history", "surface_error", "earnings", "forward_record",
    }  # fmt: skip
    schedules = list(definitions.resolve_all_job_defs())
    assert JOB_NAME in {one.name for one in schedules}
    schedule = definitions.resolve_schedule_def("daily_after_close")
    assert schedule.cron_schedule == "30 0 * * 2-6"
    assert schedule.job_name == JOB_NAME


@pytest.mark.parametrize("live", [True, False])
def test_live_trading_is_visible_wherever_the_web_ui_shows_it(tmp_path, live):
    settings = make_settings(
        {"home": tmp_path, "source": "simulated", "broker": "alpaca",
         "alpaca": {"live": live, "accounts": ["1"]}}
    )  # fmt: skip
    made = build_defs(settings)
    for name in (JOB_NAME, INTRADAY_JOB_NAME):
        job = made.resolve_job_def(name)
        assert (LIVE_NOTE in job.description) is live
        # A job's tags are its runs'.
        assert (job.run_tags.get(MONEY_TAG) == "LIVE") is live
    node = made.resolve_asset_graph().get(dg.AssetKey("paper_orders"))
    assert (LIVE_NOTE in node.description) is live
    assert MONEY_TAG not in made.resolve_job_def(REPORTING_JOB_NAME).run_tags
