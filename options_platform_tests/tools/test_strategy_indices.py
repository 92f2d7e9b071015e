import ast
from pathlib import Path

import pytest

from options_platform.domain.chain import ChainRules
from tools import calibrate_chain, strategy_indices


@pytest.fixture(scope="module")
def history(reference_data):
    return strategy_indices.load_history(reference_data)


@pytest.mark.parametrize(("years", "published"), strategy_indices.PREMIUMS.items())
def test_puts_are_sold_for_the_premiums_of_the_literature(history, years, published):
    modelled = strategy_indices.premiums(history, *years, ChainRules())
    assert modelled == pytest.approx(published, abs=0.6)


def test_the_return_of_the_index_with_dividends_is_the_published_one(history):
    # The S&P 500 total return index, rebased: 104.065, 223.443 and 339.92 at the three month ends.
    months = ("2007-12", "2018-12", "2022-09")
    expected = (
        100.0 * ((223.443 / 104.065) ** (1 / 11) - 1.0),
        100.0 * ((339.92 / 223.443) ** (1 / 3.75) - 1.0),
    )
    assert strategy_indices.total_returns(history, months) == pytest.approx(expected, abs=0.1)


def test_the_surface_is_not_fitted_to_the_published_indices():
    folder = Path(calibrate_chain.__file__).parent
    for path in [*folder.glob("calibrat*.py"), *folder.glob("calibration/*.py")]:
        imported = [
            node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert not [name for name in imported if "benchmarks" in name or "strategy_indic" in name]
        assert "cboe_strategy_indices" not in path.read_text()
