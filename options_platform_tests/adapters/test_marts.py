import pytest

from options_platform.adapters.marts import build_marts, read_marts
from options_platform.adapters.warehouse import Warehouse
from options_platform.errors import ContractError
from options_platform_tests.domain.test_plan import BATCH, CONDORS, build_plans


def test_every_mart_builds_and_joins_the_plans(tmp_path):
    from options_platform.contracts import TRADE_PLAN

    warehouse = Warehouse(tmp_path / "w.duckdb")
    plans, _ = build_plans(BATCH, CONDORS)
    warehouse.write([(TRADE_PLAN, plans)])
    counts = build_marts(warehouse)
    assert counts["daily_decisions"] == plans.height
    refused = warehouse.query("SELECT sum(plans) AS n FROM marts.refusals_by_reason")["n"][0]
    assert refused == plans.filter(plans["decision"] == "no_trade").height
    assert build_marts(warehouse) == counts


def test_each_mart_says_what_it_is():
    assert all(mart.description for mart in read_marts())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": "SELECT 1 FROM {{ source('nowhere') }}"}, "nowhere"),
        ({"a": "SELECT 1 FROM {{ ref('b') }}"}, "a.sql: there is no ref 'b'"),
        (
            {"a": "SELECT 1 FROM {{ ref('b') }}", "b": "SELECT 1 FROM {{ ref('a') }}"},
            "circle",
        ),
    ],
)
def test_a_reference_that_cannot_be_is_refused(tmp_path, files, said):
    for name, text in files.items():
        (tmp_path / f"{name}.sql").write_text(text)
    with pytest.raises(ContractError, match=said):
        read_marts(tmp_path)
