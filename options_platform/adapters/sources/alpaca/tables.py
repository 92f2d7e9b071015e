"""Converts Alpaca's JSON into the frames of the ports."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from options_platform.adapters.ports.market_data import BAR_SCHEMA, SOURCE_CHAIN_SCHEMA
from options_platform.adapters.sources.actions import with_actions
from options_platform.adapters.sources.http.retry import FetchError
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.chain.occ_symbols import parse_symbols

STAMP = "%Y-%m-%dT%H:%M:%S%.fZ"
ACTIONS = pl.Schema({"date": pl.Date, "dividend": pl.Float64, "split_ratio": pl.Float64})
SPLITS = ("forward_splits", "reverse_splits")
GREEKS = ("delta", "gamma", "theta", "vega")
BAR = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


def bars(ticker: str, rows: list[Any], actions: pl.DataFrame) -> pl.DataFrame:
    """Bars in BAR_SCHEMA, with the dividends and splits of :func:`actions`.

    Raises :class:`FetchError` for an empty answer.
    """
    if not rows:
        raise FetchError("an empty answer")
    table = pl.DataFrame(
        {
            "date": pl.Series([bar["t"] for bar in rows], dtype=pl.String),
            **{
                name: pl.Series([bar.get(letter) for bar in rows], dtype=pl.Float64)
                for name, letter in BAR.items()
            },
        }
    )
    table = table.with_columns(_local_date("date")).sort("date", maintain_order=True)
    table = with_actions(table, actions).with_columns(
        ticker=pl.lit(ticker),
        adj_close=pl.lit(None),
        # Alpaca gives dividends as paid; like the prices they have to be split-adjusted.
        dividend=pl.col("dividend") / pl.col("split_factor"),
        source=pl.lit("alpaca"),
    )
    return table.select(BAR_SCHEMA.names()).cast(dict(BAR_SCHEMA))  # type: ignore[arg-type]


def actions(answer: Any) -> pl.DataFrame:
    """Dividends (USD per share, as paid) and split ratios, one row per day, ascending."""
    rows = [(row["ex_date"], row["rate"], 1.0) for row in answer.get("cash_dividends", [])]
    rows += [
        (row["ex_date"], 0.0, row["new_rate"] / row["old_rate"])
        for kind in SPLITS
        for row in answer.get(kind, [])
    ]
    table = pl.DataFrame(
        [(date.fromisoformat(day), float(paid), float(ratio)) for day, paid, ratio in rows],
        schema=ACTIONS,
        orient="row",
    )
    return (
        table.group_by("date")
        .agg(pl.col("dividend").sum(), pl.col("split_ratio").product())
        .sort("date")
    )


def chain(
    ticker: str,
    session: date,
    snapshots: dict[str, Any],
    contracts: list[Any],
    spot: float,
) -> pl.DataFrame:
    """The snapshots in SOURCE_CHAIN_SCHEMA; FetchError if they are of another session."""
    names = list(snapshots)
    contents = list(snapshots.values())

    def part(outer: str, inner: str) -> list[Any]:
        return [(snapshot.get(outer) or {}).get(inner) for snapshot in contents]

    table = pl.DataFrame(
        {
            "contract_symbol": pl.Series(names, dtype=pl.String),
            "quoted_at": pl.Series(part("latestQuote", "t"), dtype=pl.String),
            "last_trade_at": pl.Series(part("latestTrade", "t"), dtype=pl.String),
            "bar_date": pl.Series(part("dailyBar", "t"), dtype=pl.String),
            **{
                name: pl.Series(values, dtype=pl.Float64)
                for name, values in {
                    "bid": part("latestQuote", "bp"),
                    "ask": part("latestQuote", "ap"),
                    "last": part("latestTrade", "p"),
                    "day_volume": part("dailyBar", "v"),
                    "source_iv": [snapshot.get("impliedVolatility") for snapshot in contents],
                    **{f"source_{greek}": part("greeks", greek) for greek in GREEKS},
                }.items()
            },
        }
    )
    terms = parse_symbols(table["contract_symbol"])
    same_day = _local_date("bar_date") == session
    table = (
        table.with_columns(
            _stamp("quoted_at"),
            _stamp("last_trade_at"),
            volume=pl.when(same_day).then(pl.col("day_volume")),
            ticker=pl.lit(ticker),
            expiry=terms["expiry"],
            right=terms["right"],
            strike=terms["strike"],
            spot=pl.lit(spot),
            source=pl.lit("alpaca"),
        )
        .join(_sizes(contracts), on="contract_symbol", how="left", maintain_order="left")
        .select(SOURCE_CHAIN_SCHEMA.names())
        .cast(dict(SOURCE_CHAIN_SCHEMA))  # type: ignore[arg-type]
    )
    _require_session(table, session)
    return table


def _sizes(contracts: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "contract_symbol": pl.Series(
                [contract["symbol"] for contract in contracts], dtype=pl.String
            ),
            "open_interest": pl.Series(
                [contract.get("open_interest") for contract in contracts], dtype=pl.String
            ).cast(pl.Float64),
            "multiplier": pl.Series(
                [contract.get("size") for contract in contracts], dtype=pl.String
            ).cast(pl.Float64),
        }
    ).unique("contract_symbol", keep="last", maintain_order=True)


def _require_session(table: pl.DataFrame, session: date) -> None:
    newest = table["quoted_at"].max()
    shown = None if newest is None else newest.astimezone(NEW_YORK).date()  # type: ignore[union-attr]
    if shown != session:
        raise FetchError(
            f"its newest quotes are of {shown}",
            passing=False,
            advice="fetch a chain after the close of its session, before the next one opens",
        )
    unread = table.filter(pl.col("expiry").is_null())
    if unread.height:
        name = unread["contract_symbol"][0]
        raise FetchError(f"the contract symbol {name} cannot be read", passing=False)


def _stamp(name: str) -> pl.Expr:
    stamp = pl.col(name).str.to_datetime(STAMP, time_unit="ns", time_zone="UTC")
    return stamp.cast(SOURCE_CHAIN_SCHEMA["quoted_at"])


def _local_date(name: str) -> pl.Expr:
    stamp = pl.col(name).str.to_datetime(STAMP, time_unit="ns", time_zone="UTC")
    return stamp.dt.convert_time_zone("America/New_York").dt.date().alias(name)
