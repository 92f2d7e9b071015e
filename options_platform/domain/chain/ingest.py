"""Turn the quotes of a source into rows of `option_chain`: identity, spot, IV, greeks, quality.

1. A contract is identified by its OCC symbol; if the source's expiry or strike disagrees, the
   symbol wins.
2. The spot of each expiry is implied by its quotes (`put_call_parity`), because a spot from
   another minute does not match them; otherwise it is the source's spot, otherwise the bar's
   close.
3. Implied volatility and greeks are computed from the mid (Black-Scholes-Merton, `pricing`).
4. Quality gates are applied to every quote in the order of `contracts.GATES`; the first that
   fails is stored as `quality`. Bad quotes keep their row.

A row depends only on the chain of its own date and ticker.
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
    parse_symbols,
    standard_root,
    standard_symbol,
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
    """Thresholds of the quality gates.

    WIDE: ask - bid exceeds both `max_spread_share` of the mid and `min_wide_usd` (USD a share).
    STALE: the quote is older than `max_quote_age_hours` at the close, or from the next session or
    later. PARITY: the spot implied by put-call parity differs from the reported spot by more than
    `max_spot_gap` (a fraction; the same again is allowed per year to expiry between expiries), or
    call and put violate the parity bounds by more than `parity_slack` (a fraction of the spot).
    IV_BOUNDS: the implied volatility is missing or outside `min_iv` to `max_iv` (annualised
    fractions), or half the bid-ask spread exceeds `max_iv_error` of volatility, as it does deep in
    the money, where a quote determines a price but no volatility.

    A chain whose share of good quotes is below `min_good_share` fails its asset check.
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
        raw: rows in `ports.SOURCE_CHAIN_SCHEMA` with `date`, the session; any number of chains.
        closes: date, ticker and `close` as traded (unadjusted, USD), for the spot.
        gates: thresholds.
        rate: risk-free rate, annualised, continuously compounded.
        dividend: dividend yield, annualised, continuously compounded.
        fetched_at: when the chains were fetched.

    Raises:
        SourceError: a row has neither an OCC symbol nor expiry, right and strike.
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
    """One row per contract symbol, NaN as null; contracts with conflicting rows are flagged."""
    raw = raw.with_columns(pl.col(pl.Float64).fill_nan(None)).unique(maintain_order=True)
    parts = parse_symbols(raw["contract_symbol"])
    named = raw.with_columns(
        root=parts["root"],
        expiry=parts["expiry"].fill_null(raw["expiry"]),
        right=parts["right"].fill_null(raw["right"]),
        strike=parts["strike"].fill_null(raw["strike"]),
        multiplier=pl.col("multiplier").fill_null(STANDARD_MULTIPLIER),
    ).with_columns(
        # Rebuild the symbol, so that a vendor's prefix does not create a second contract.
        contract_symbol=pl.when(pl.col("root").is_not_null())
        .then(symbol_expr(pl.col("root"), pl.col("expiry"), pl.col("right"), pl.col("strike")))
        .otherwise(pl.col("contract_symbol").str.replace_all(r"\s", ""))
        .fill_null(standard_symbol(pl.col("ticker"))),
        # An unreadable symbol says nothing about the deliverable: no root, hence not standard.
        root=pl.when(pl.col("contract_symbol").is_null())
        .then(standard_root(pl.col("ticker")))
        .otherwise(pl.col("root")),
    )
    unidentified = named.filter(
        pl.any_horizontal(
            pl.col("contract_symbol", "expiry", "strike").is_null(),
            ~pl.col("right").is_in(["call", "put"]).fill_null(value=False),
        )
    )
    if unidentified.height:
        day, ticker = unidentified.select(CHAIN).row(0)
        raise SourceError(
            f"the chain of {ticker} for {day} has {unidentified.height} rows without a contract "
            "(neither an OCC symbol nor expiry, right and strike); nothing of it was stored"
        )
    doubled = pl.len().over(CONTRACT) > 1
    return named.with_columns(doubled=doubled).unique(CONTRACT, keep="first", maintain_order=True)


def _timed(named: pl.DataFrame) -> pl.DataFrame:
    """Adds `dte`, `years`, the age of each quote at the close, `standard` and `mid`."""
    # A closure announced after the chain's session had not yet moved any expiry.
    last_day = last_trading_days(named["expiry"], known_on=named["date"])
    timed = named.with_columns(last_day=last_day).join(session_times(), on="date", how="left")
    # The chain is as of its newest quote, but no later than the close.
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
    """Quotes good enough to infer the spot from put-call parity."""
    bad = _wide(gates) | _stale(gates).fill_null(value=False) | pl.col("doubled")
    return named.filter(
        pl.col("mid").is_not_null() & pl.col("standard") & (pl.col("years") > 0) & ~bad
    )


def _with_spot(named: pl.DataFrame, spots: pl.DataFrame, closes: pl.DataFrame) -> pl.DataFrame:
    """Adds `spot`, its `spot_method`, and the `reported_spot` that parity is compared with."""
    bar_closes = closes.select(*CHAIN, bar_close=pl.col("close"))
    joined = named.join(spots, on=[*CHAIN, "expiry"], how="left").join(
        bar_closes, on=CHAIN, how="left"
    )
    source_spot = pl.when(pl.col("spot") > 0).then(pl.col("spot")).median().over(CHAIN)
    return joined.with_columns(
        source_spot=source_spot,
        # A close of NaN is no price.
        reported_spot=source_spot.fill_null(
            pl.when(pl.col("bar_close") > 0).then(pl.col("bar_close"))
        ),
    ).with_columns(
        spot=pl.coalesce("parity_spot", "reported_spot"),
        spot_method=pl.when(pl.col("parity_spot").is_not_null())
        .then(pl.lit("parity"))
        .when(pl.col("source_spot").is_not_null())
        .then(pl.lit("source"))
        .when(pl.col("reported_spot").is_not_null())
        .then(pl.lit("close")),
    )


def _priced(rows: pl.DataFrame, rate: float, dividend: float) -> pl.DataFrame:
    """Adds `iv` and greeks; null without a two-sided quote, a spot or time to expiry."""
    rows = rows.with_row_index("at")
    priceable = rows.filter(
        pl.col("mid").is_not_null() & (pl.col("spot") > 0) & (pl.col("years") > 0),
        pl.col("strike") > 0,
    )
    spot, strike, years = (priceable[name].to_numpy() for name in ("spot", "strike", "years"))
    sign = np.where((priceable["right"] == "call").to_numpy(), CALL, PUT)
    vol = implied_vol(priceable["mid"].to_numpy(), spot, strike, years, rate, dividend, sign)
    has_vol = np.isfinite(vol)
    greeks = black_scholes(
        spot[has_vol], strike[has_vol], years[has_vol], vol[has_vol], rate, dividend, sign[has_vol]
    )
    values = pl.DataFrame(
        {
            "at": priceable["at"].filter(pl.Series(has_vol)),
            "iv": vol[has_vol],
            "delta": greeks.delta,
            "gamma": greeks.gamma,
            "theta": greeks.theta,
            "vega": greeks.vega,
        }
    )
    return rows.join(values, on="at", how="left", maintain_order="left").drop("at")


def _quality(gates: ChainGates) -> pl.Expr:
    """The first gate that a row fails, in the order of `contracts.GATES`; null if none."""
    chain_spot = pl.col("chain_spot")
    gap = gates.max_spot_gap
    off_reported = (chain_spot / pl.col("reported_spot") - 1.0).abs() > gap
    off_chain = (pl.col("parity_spot") / chain_spot - 1.0).abs() > gap * (1.0 + pl.col("years"))
    rules = {
        "NONSTANDARD": ~pl.col("standard"),
        "EXPIRED": pl.col("years") <= 0,
        "DUPLICATE": pl.col("doubled"),
        "NO_BID": ~(pl.col("bid") > 0).fill_null(value=False) | pl.col("ask").is_null(),
        "CROSSED": pl.col("ask") < pl.col("bid"),
        "WIDE": _wide(gates),
        "STALE": _stale(gates),
        "PARITY": off_reported.fill_null(value=False)
        | off_chain.fill_null(value=False)
        | pl.col("breaks_parity").fill_null(value=False)
        | pl.col("spot").is_null(),
        "IV_BOUNDS": pl.col("iv").is_null()
        | ~pl.col("iv").is_between(gates.min_iv, gates.max_iv)
        | (pl.col("ask") - pl.col("bid") > 200.0 * gates.max_iv_error * pl.col("vega")),
    }
    return pl.coalesce(pl.when(broken).then(pl.lit(name)) for name, broken in rules.items())
