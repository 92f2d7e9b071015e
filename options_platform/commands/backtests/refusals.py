"""`backtest --refusals`: what each gate saved or cost."""

from __future__ import annotations

import argparse
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.backtests.output import about, chain_sources, record, say_about
from options_platform.commands.common import print_json, print_table, say
from options_platform.domain.backtest_study.refusal_prices import (
    ALONE,
    BLOCK_SESSIONS,
    COST,
    FEWEST_BLOCKS,
    FEWEST_OF_EACH,
    FEWEST_TRADES,
    FIRST,
    MADE,
    NOT_FOLLOWED,
    SAVED,
    price_refusals,
)
from options_platform.domain.backtest_study.variants import Variant, scored
from options_platform.formats import count
from options_platform.services.backtesting.run import BacktestData
from options_platform.settings import Settings

COLUMNS = ("gate", "refused", "followed", "win_rate", "pnl_mean_usd", "pnl_total_usd", "saved_r",
           "interval", "p_corrected", "verdict", "also_later", "saved_r_with_these")  # fmt: skip
DASH = "-"


def refusals(
    args: argparse.Namespace,
    settings: Settings,
    warehouse: Warehouse,
    data: BacktestData,
    base: Variant,
) -> int:
    """Backtest the rules once, follow what they refuse, and print the price of each gate."""
    priced = price_refusals(data.inputs, base.plan, base.rules, data.market)
    record(settings, warehouse, data, [scored((base, priced.result))])
    if args.json:
        print_json({**about(data), **chain_sources(priced.result), "settings": base.name,
                    "fill_model": base.rules.fills.model,
                    "refusals": priced.prices.fill_nan(None).to_dicts()})  # fmt: skip
        return 0
    say_about(data)
    say_refusals(priced.prices)
    return 0


def say_refusals(prices: pl.DataFrame) -> None:
    """Print the price of each gate for people; rows of `PRICES`."""
    alone = prices.filter(pl.col("gate") != MADE, scope=ALONE)
    followed = alone.filter(pl.col("verdict") != NOT_FOLLOWED)
    if followed.is_empty():
        say("No refused trade could be followed to its end.")
    else:
        _say_prices(followed, prices.filter(scope=FIRST))
        _say_made(prices.filter(gate=MADE).row(0, named=True))
    if missing := _missing(alone):
        say(f"Refused where there was no trade to follow, or not to its end: {missing}.")


def _say_prices(alone: pl.DataFrame, first: pl.DataFrame) -> None:
    say("What each gate saved (negative: cost): the trades that it alone refused, each followed to "
        "its end beside the account. R is a trade's maximum loss; refused trades overlap, so "
        "compare means, not sums:")  # fmt: skip
    with_others = dict(first.select("gate", "saved_r").iter_rows())
    print_table([_cells(row, with_others.get(row["gate"])) for row in alone.to_dicts()], COLUMNS)
    say(f"Intervals are 95% by bootstrap over blocks of {BLOCK_SESSIONS} sessions. Too few: below "
        f"{FEWEST_TRADES} trades, in fewer than {FEWEST_BLOCKS} blocks, or with fewer than "
        f"{FEWEST_OF_EACH} that lost or that won. also_later: trades that another gate would have "
        "refused as well; the last column has these too.")  # fmt: skip
    modelled, followed = int(alone["modelled"].sum()), int(alone["followed"].sum())
    say(f"{modelled:,} of {count(followed, 'trade')} rest on modelled prices, in part or in whole.")
    say(verdict_in_words(alone))


def verdict_in_words(alone: pl.DataFrame) -> str:
    """Which gates of scope alone have a verdict, and against how many looks."""
    tested = alone["p_corrected"].count()
    if not tested:
        return "No gate refused enough trades for a verdict."
    looks = f"{tested} gates are looked at" if tested > 1 else "One gate is looked at"
    proven = [
        f"{row['gate']} {row['verdict']}"
        for row in alone.filter(pl.col("verdict").is_in([SAVED, COST])).to_dicts()
    ]
    said = f"only these are proven: {', '.join(proven)}" if proven else "none is proven to matter"
    return f"{looks}; with p-values corrected for that, {said}."


def _say_made(made: dict[str, Any]) -> None:
    if not made["followed"]:
        say("No trade was made.")
        return
    interval = ""
    if made["mean_r_low"] is not None:
        interval = f" [{made['mean_r_low']:.3f}, {made['mean_r_high']:.3f}]"
    say(f"Of {count(made['followed'], 'trade')} that were made: {_share(made['win_rate'])} won, "
        f"mean {_number(made['mean_usd'], 0)} USD or {made['mean_r']:.3f} R{interval}, "
        f"{_number(made['total_usd'], 0)} USD in all.")  # fmt: skip


def _missing(alone: pl.DataFrame) -> str:
    rows = alone.filter(pl.col("not_followed") > 0)
    return "; ".join(
        f"{gate} {number}" if missing == f"{gate} {number}" else f"{gate}: {missing}"
        for gate, number, missing in rows.select("gate", "not_followed", "missing").iter_rows()
    )


def _cells(row: dict[str, Any], with_others: float | None) -> dict[str, Any]:
    low, high = row["saved_r_low"], row["saved_r_high"]
    return {
        **row,
        "win_rate": _share(row["win_rate"]),
        "pnl_mean_usd": _number(row["mean_usd"], 0),
        "pnl_total_usd": _number(row["total_usd"], 0),
        "saved_r": _number(row["saved_r"], 3),
        "interval": DASH if low is None else f"[{low:.3f}, {high:.3f}]",
        "p_corrected": _number(row["p_corrected"], 3),
        "also_later": row["refused_later"],
        "saved_r_with_these": _number(with_others, 3),
    }


def _share(value: float | None) -> str:
    return DASH if value is None else f"{100 * value:.0f}%"


def _number(value: float | None, digits: int) -> str:
    return DASH if value is None else f"{value:,.{digits}f}"
