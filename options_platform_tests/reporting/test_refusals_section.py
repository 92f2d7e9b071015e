"""The section on refusals says what each gate did, and nothing that is not proven."""

from datetime import date

import polars as pl
import pytest

from options_platform.contracts import BACKTEST_REFUSAL_PRICES
from options_platform.domain.backtest.followed import FOLLOWED
from options_platform.domain.backtest.results import TRADES
from options_platform.domain.backtest_study.refusal_prices import refusal_prices
from options_platform.domain.calendar.sessions import sessions
from options_platform.reporting.refusals_section import refusals_section
from options_platform.reporting.report import environment

DAYS = sessions(date(2005, 1, 3), date(2012, 12, 31))


def prices(profits):
    """Prices of gates whose refused trades earn these means, one trade a week each."""
    days = DAYS[::5]
    trades = [
        pl.DataFrame(
            {
                "date": days, "ticker": "SPY", "gate": gate, "later_gates": [[]] * len(days),
                "pnl_usd": [mean + 40.0 * (n % 3 - 1) for n in range(len(days))],
                "max_loss_usd": 100.0, "chain_source": "synthetic",
            },
            schema_overrides={"later_gates": pl.List(pl.String)},
        )
        for gate, mean in profits.items()
    ]  # fmt: skip
    none = pl.DataFrame(
        {"date": DAYS[1], "ticker": "SPY", "gate": "NO_EDGE", "not_followed": "NO_EDGE"}
    )
    every = pl.concat([pl.DataFrame(schema=FOLLOWED), *trades, none], how="diagonal")
    of_run = {"run": pl.lit("configured"), "rule_set": pl.lit("plan")}
    made = pl.DataFrame(schema={**TRADES, "chain_source": pl.String})
    rows = refusal_prices(every, made, DAYS).with_columns(**of_run)
    return BACKTEST_REFUSAL_PRICES.validate(rows)


def page(section):
    return environment().get_template("refusals.html.j2").render(refusals=section)


def test_proven_gates_are_named_and_the_others_are_not():
    section = refusals_section(prices({"LOW_CONFIDENCE": 30.0, "ILLIQUID": 0.0}))
    assert [row["gate"] for row in section["proven"]] == ["LOW_CONFIDENCE"]
    text = page(section)
    assert '<code>LOW_CONFIDENCE</code> <span class="missed">cost</span>' in text
    assert "<td>not proven</td>" in text
    assert "NO_EDGE 1" in text
    assert "All prices are modelled" in text
    assert section["plot"].startswith("data:image/png")


def test_gates_without_an_effect_are_said_to_prove_nothing():
    section = refusals_section(prices({"LOW_CONFIDENCE": 0.0, "ILLIQUID": 0.0}))
    assert section["proven"] == []
    assert "None is proven" in page(section)


@pytest.mark.parametrize("stored", [True, False])
def test_a_run_without_followed_trades_and_a_home_without_prices_make_a_page(stored):
    section = refusals_section(prices({}) if stored else BACKTEST_REFUSAL_PRICES.empty())
    assert (section is not None) is stored
    text = page(section)
    assert ("could be followed" if stored else "No stored backtest") in text
    assert "<img" not in text
