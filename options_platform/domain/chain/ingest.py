"""From the quotes of a source to rows of `option_chain`: identity, spot, IV, greeks, quality.

1. Each contract is known by its OCC symbol; where the source's own expiry or strike says
   otherwise, the symbol counts.
2. The spot of each expiry comes from its quotes (`put_call_parity`), since quotes
   and a spot of another minute do not belong together; else from the source, else the bar.
3. Implied volatility and greeks come from the mid (Black-Scholes-Merton, `pricing`).
4. The gates judge every quote; the first that it breaks is its `quality`, in the order of
   `contracts.GATES`. Bad quotes keep their row.
Every row depends on the chain of its own date and ticker alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from options_platform.contracts import OPTION_CHAIN
from options_platform.domain.calendar.sessions import last_trading_days, session_times
from options_platform.domain.chain.occ_symbols import (
    is_standard,
    own_root,
    own_symbol,
    parse_symbols,
    symbol_expr,
)
from options_platform.domain.chain.put_call_parity import implied_spots, pair_breaks_parity
from options_platform.domain.pricing import CALL, DAYS_A_YEAR, PUT, black_scholes, implied_vol
from options_platform.errors import SourceError

CHAIN = ["date", "ticker"]
CONTRACT = [*CHAIN, "contract_symbol"]
STANDARD_MULTIPLIER = 100.0


@dataclass(frozen=True)
class ChainGates:
    """The thresholds of the gates.

    A quote is WIDE where ask - bid is above both `max_spread_share` of the mid and
    `min_wide_usd`; STALE where it is older than `max_quote_age_hours` at the close, or as young as
    the next session; PARITY where the spot that put-call parity implies is off the known one by
    more than `max_spot_gap` (a share, plus as much a year), or where the pair of call and put
    leaves the parity bounds by more than `parity_slack` of the spot; IV_BOUNDS outside `min_iv` to
    `max_iv` (annualised fractions), or where half the spread is worth more than `max_iv_error` of
    volatility, as deep in the money: such a quote has a price, but no volatility.
    A chain with fewer good quotes than `min_good_share` fails its check.
    """

    max_spread_share: float = 0.25
    min_wide_usd: float = 0.10
    max_quote_age_hours: float = 6.5
    max_spot_gap: float = 0.02
    parity_slack: float = 0.005
    min_parity_pairs: int = 3
    min_good_share: float = 0.5
    min_iv: float = 0.01
    max_iv: float = 5.0
    max_iv_error: float = 0.10

    def __post_init__(self) -> None:
        for name in ("max_spread_share", "max_quote_age_hours", "max_spot_gap", "max_iv"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above zero")


def judge_chains(
    raw: pl.DataFrame,
    closes: pl.DataFrame,
    gates: ChainGates,
    *,
    rate: float,
    dividend: float,
    fetched_at: datetime,
) -> pl.DataFrame:
    """Rows of `option_chain`, one for each contract of each chain.

    Args:
        raw: rows in `ports.CHAIN_SCHEMA` with `date`, the session; any number of chains.
        closes: date, ticker and `close` as traded (unadjusted, USD), for the spot.
        gates: thresholds.
        rate: risk-free rate, annualised, continuously compounded.
        dividend: dividend yield, annualised, continuously compounded.
        fetched_at: when the chains were fetched.

    Raises :class:`SourceError` where a row has neither an OCC symbol nor expiry, right and strike.
    """
    named = _timed(_identified(raw))
    usable = _usable(named, gates)
    spots = implied_spots(usable, rate, dividend, gates.min_parity_pairs)
    spotted = _with_spot(named, spots, closes)
    priced = _priced(spotted, rate, dividend)
    broken = pair_breaks_parity(priced, rate, dividend, gates.parity_slack)
    judged = priced.join(broken, on=CONTRACT, how="left").with_columns(
        quality=_quality(gates),
    )
    return (
        judged.with_columns(fetched_at=pl.lit(fetched_at).cast(OPTION_CHAIN.schema["fetched_at"]))
        .select(OPTION_CHAIN.schema.names())
        .sort(OPTION_CHAIN.key)
    )


def _identified(raw: pl.DataFrame) -> pl.DataFrame:
    """Contracts under their symbol, one row each; NaN is null, and a doubled one is marked."""
    raw = raw.with_columns(pl.col(pl.Float64).fill_nan(None)).unique(maintain_order=True)
    parts = parse_symbols(raw["contract_symbol"])
    named = raw.with_columns(
        root=parts["root"],
        expiry=parts["expiry"].fill_null(raw["expiry"]),
        right=parts["right"].fill_null(raw["right"]),
        strike=parts["strike"].fill_null(raw["strike"]),
        multiplier=pl.col("multiplier").fill_null(STANDARD_MULTIPLIER),
    ).with_columns(
        # The contract's own name, so that a vendor's prefix makes no second one of it.
        contract_symbol=pl.when(pl.col("root").is_not_null())
        .then(symbol_expr(pl.col("root"), pl.col("expiry"), pl.col("right"), pl.col("strike")))
        .otherwise(pl.col("contract_symbol").str.replace_all(r"\s", ""))
        .fill_null(own_symbol(pl.col("ticker"))),
        # A name that cannot be read says nothing of the deliverable: no root, not standard.
        root=pl.when(pl.col("contract_symbol").is_null())
        .then(own_root(pl.col("ticker")))
        .otherwise(pl.col("root")),
    )
    nameless = named.filter(
        pl.any_horizontal(
            pl.col("contract_symbol", "expiry", "strike").is_null(),
            ~pl.col("right").is_in(["call", "put"]).fill_null(value=False),
        )
    )
    if nameless.height:
        day, ticker = nameless.select(CHAIN).row(0)
        raise SourceError(
            f"the chain of {ticker} for {day} has {nameless.height} rows without a contract "
            "(neither an OCC symbol nor expiry, right and strike); nothing of it was stored"
        )
    doubled = pl.len().over(CONTRACT) > 1
    return named.with_columns(doubled=doubled).unique(CONTRACT, keep="first", maintain_order=True)


def _timed(named: pl.DataFrame) -> pl.DataFrame:
    """With `dte`, `years` and how old each quote was at the close."""
    # What was announced later moved no expiry yet on the session of the chain.
    last_day = last_trading_days(named["expiry"], known_on=named["date"])
    timed = named.with_columns(last_day=last_day).join(session_times(), on="date", how="left")
    # The chain stands at its newest quote, or at the close if that is later.
    newest = pl.min_horizontal(pl.col("quoted_at").max().over(CHAIN), "close_at")
    early = (pl.col("close_at") - newest.fill_null(pl.col("close_at"))).dt.total_seconds()
    days = (pl.col("last_day") - pl.col("date")).dt.total_days()
    return timed.with_columns(
        dte=days.cast(pl.Int32),
        years=(days + early / 86_400.0) / DAYS_A_YEAR,
        age_hours=(pl.col("close_at") - pl.col("quoted_at")).dt.total_seconds() / 3600.0,
        standard=is_standard(pl.col("root"), pl.col("ticker")).fill_null(value=False)
        & (pl.col("multiplier") == STANDARD_MULTIPLIER),
        mid=pl.when(_two_sided()).then((pl.col("bid") + pl.col("ask")) / 2.0),
    )


def _two_sided() -> pl.Expr:
    return ((pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid"))).fill_null(value=False)


def _wide(gates: ChainGates) -> pl.Expr:
    width = pl.col("ask") - pl.col("bid")
    # Prices are whole cents, so half a cent of slack only absorbs binary fractions.
    return (width > gates.max_spread_share * pl.col("mid")) & (width > gates.min_wide_usd + 0.005)


def _stale(gates: ChainGates) -> pl.Expr:
    return (pl.col("age_hours") > gates.max_quote_age_hours) | (
        pl.col("quoted_at") >= pl.col("next_open_at")
    )


def _usable(named: pl.DataFrame, gates: ChainGates) -> pl.DataFrame:
    """The quotes that parity may rest on."""
    bad = _wide(gates) | _stale(gates).fill_null(value=False) | pl.col("doubled")
    return named.filter(
        pl.col("mid").is_not_null() & pl.col("standard") & (pl.col("years") > 0) & ~bad
    )


def _with_spot(named: pl.DataFrame, spots: pl.DataFrame, closes: pl.DataFrame) -> pl.DataFrame:
    """The spot of each row, where it is from, and the one it is to be held against."""
    known = closes.select(*CHAIN, own_close=pl.col("close"))
    joined = named.join(spots, on=[*CHAIN, "expiry"], how="left").join(known, on=CHAIN, how="left")
    given = pl.when(pl.col("spot") > 0).then(pl.col("spot")).median().over(CHAIN)
    return joined.with_columns(
        given=given,
        # NaN of a bar is no price.
        known=given.fill_null(pl.when(pl.col("own_close") > 0).then(pl.col("own_close"))),
    ).with_columns(
        spot=pl.coalesce("parity_spot", "known"),
        spot_method=pl.when(pl.col("parity_spot").is_not_null())
        .then(pl.lit("parity"))
        .when(pl.col("given").is_not_null())
        .then(pl.lit("source"))
        .when(pl.col("known").is_not_null())
        .then(pl.lit("close")),
    )


def _priced(rows: pl.DataFrame, rate: float, dividend: float) -> pl.DataFrame:
    """With `iv` and greeks where a two-sided quote, a spot and time to expiry stand."""
    rows = rows.with_row_index("at")
    able = rows.filter(
        pl.col("mid").is_not_null() & (pl.col("spot") > 0) & (pl.col("years") > 0),
        pl.col("strike") > 0,
    )
    spot, strike, years = (able[name].to_numpy() for name in ("spot", "strike", "years"))
    sign = np.where((able["right"] == "call").to_numpy(), CALL, PUT)
    vol = implied_vol(able["mid"].to_numpy(), spot, strike, years, rate, dividend, sign)
    found = np.isfinite(vol)
    greeks = black_scholes(
        spot[found], strike[found], years[found], vol[found], rate, dividend, sign[found]
    )
    values = pl.DataFrame(
        {
            "at": able["at"].filter(pl.Series(found)),
            "iv": vol[found],
            "delta": greeks.delta,
            "gamma": greeks.gamma,
            "theta": greeks.theta,
            "vega": greeks.vega,
        }
    )
    return rows.join(values, on="at", how="left", maintain_order="left").drop("at")


def _quality(gates: ChainGates) -> pl.Expr:
    """The first gate that a row breaks, in the order of `contracts.GATES`."""
    chain_spot = pl.col("chain_spot")
    gap = gates.max_spot_gap
    off_known = (chain_spot / pl.col("known") - 1.0).abs() > gap
    off_chain = (pl.col("parity_spot") / chain_spot - 1.0).abs() > gap * (1.0 + pl.col("years"))
    rules = {
        "NONSTANDARD": ~pl.col("standard"),
        "EXPIRED": pl.col("years") <= 0,
        "DUPLICATE": pl.col("doubled"),
        "NO_BID": ~(pl.col("bid") > 0).fill_null(value=False) | pl.col("ask").is_null(),
        "CROSSED": pl.col("ask") < pl.col("bid"),
        "WIDE": _wide(gates),
        "STALE": _stale(gates),
        "PARITY": off_known.fill_null(value=False)
        | off_chain.fill_null(value=False)
        | pl.col("breaks_parity").fill_null(value=False)
        | pl.col("spot").is_null(),
        "IV_BOUNDS": pl.col("iv").is_null()
        | ~pl.col("iv").is_between(gates.min_iv, gates.max_iv)
        | (pl.col("ask") - pl.col("bid") > 200.0 * gates.max_iv_error * pl.col("vega")),
    }
    return pl.coalesce(pl.when(broken).then(pl.lit(name)) for name, broken in rules.items())
