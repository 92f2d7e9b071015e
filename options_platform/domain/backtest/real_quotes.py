"""Legs of trades at the quotes of stored chains; where one is missing, at the next best price.

For each leg and session the first that there is, from best to worst:

1. `REAL`: a good two-sided quote of the contract, or a wide one if its mid agrees with the smile
   and parity gives none that is narrower. A far option with an ask and no bid is marked at half its
   ask, and sold for nothing, if that agrees with the smile or the ask is a few ticks.
2. `PARITY`: the quote of the other right at the strike, moved by put-call parity (Hull, section
   11.4): exact for European options; of American ones only for a leg out of the money. It is used
   only if it is narrow against the price and agrees with the smile, and then marked at the smile's
   price, which is the more exact, between a bid and an ask as far apart as those of the pair.
3. `SMILE`: the volatility between the good out-of-the-money quotes of the other strikes of the
   expiry on this session, interpolated in total variance.
4. `SHIFTED`: the surface, moved by the leg's last difference from it; half of it is left after five
   sessions.
5. `SYNTHETIC`: the surface.

After a split strikes are looked up as the clearing house adjusts them. It makes new strikes only
where a share becomes a whole number of shares; otherwise the contracts deliver something else, and
have no real price here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.backtest.quote_fallbacks import by_parity, by_smile
from options_platform.domain.calendar.sessions import all_sessions
from options_platform.domain.chain import Chain, ChainRules

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REAL, PARITY, SMILE, SHIFTED, SYNTHETIC = range(1, 6)
SOURCE_NAMES = {0: "none", 1: "real", 2: "parity", 3: "smile", 4: "shifted", 5: "synthetic"}
# A far option without a bid: its mid is half the ask.
FAR_DELTA = 0.05
# Such an ask, or a wide quote, counts if its mid is within this share of the smile's price or this
# many USD. An ask of at most two ticks of an index option always does, and a wide quote that no
# smile contradicts.
DOUBT_SHARE, DOUBT_USD = 0.25, 0.05
FEW_TICKS_USD = 0.10
HALF_LIFE = 5
# Parity counts if half its width, and its distance from the smile, are at most this share of the
# smile's price: the dear option in the money of a pair says little about the cheap one.
PARITY_SHARE = 0.05
EXPIRY = ["date", "ticker", "last_day"]
CONTRACT = [*EXPIRY, "right", "cents"]

CHAIN_QUOTES = pl.Schema(
    {
        "date": pl.Date,
        "ticker": pl.String,
        "contract_symbol": pl.String,
        "last_day": pl.Date,
        "right": pl.String,
        "strike": pl.Float64,
        "bid": pl.Float64,
        "ask": pl.Float64,
        "spot": pl.Float64,
        "years": pl.Float64,
        "iv": pl.Float64,
        "quality": pl.String,
    }
)
"""Quotes of stored chains as in `option_chain`; `last_day` is the contract's last trading day."""


class RealQuotes(Protocol):
    """Stored real chains; what is not stored is left out."""

    @property
    def fingerprint(self) -> str:
        """Text that differs for other stored chains."""
        ...

    def chain(self, day: date, ticker: str) -> Chain | None:
        """The good quotes of a chain, from which plans are made; None if it is not stored."""
        ...

    def days(self, ticker: str) -> NDArray[np.datetime64]:
        """The sessions of the ticker's stored chains, ascending; also those before the backtest."""
        ...

    def quotes(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """Quotes in :data:`CHAIN_QUOTES` of the wanted date, ticker and last_day, good and bad."""
        ...


@dataclass(frozen=True)
class ModelledLegs:
    """The legs as the surface prices them: arrays of shape [rows, legs], rows [rows].

    `strike` is on the basis of the planning day, `scale` the split factor of the planning day over
    that of the row's session. `trade` is ascending; `ticker` is the position in `names`.
    """

    names: tuple[str, ...]
    trade: Ints
    ticker: Ints
    day: NDArray[np.datetime64]
    scale: Floats
    alive: Bools
    sign: Floats
    strike: Floats
    last_day: NDArray[np.datetime64]
    delta: Floats
    iv: Floats


@dataclass(frozen=True)
class RealLegs:
    """Prices of the legs, shape [rows, legs], USD a share on the basis of the planning day.

    NaN, and `source` 5, where only the surface has a price; `source` is 0 where a leg is not alive.
    `iv` is an annualised fraction; with `SHIFTED` it is all that is given. `no_bid` marks legs that
    are sold for nothing. `covered`, shape [rows], are the sessions on which the ticker's chain is
    stored, or was one of at most `gap_sessions` sessions ago: a missing quote is then a gap.
    """

    bid: Floats
    mid: Floats
    ask: Floats
    iv: Floats
    source: Ints
    no_bid: Bools
    covered: Bools


def real_legs(
    modelled: ModelledLegs, stored: RealQuotes, rules: ChainRules, gap_sessions: int
) -> RealLegs:
    """The best price of each leg on each row, from quotes stored for its session or earlier ones.

    After a stored chain of a ticker, sessions without one are a gap in its quotes, but after
    `gap_sessions` of them the quotes have ended.
    """
    wanted = _wanted(modelled)
    shape = modelled.alive.shape
    keys = wanted.select(EXPIRY).unique()
    chains = _with_cents(stored.quotes(keys))
    found = _best(_own(wanted, chains), chains, rules)
    values = {name: np.full(shape, np.nan) for name in ("bid", "mid", "ask", "iv")}
    source = np.where(modelled.alive, SYNTHETIC, 0).astype(np.int64)
    no_bid = np.zeros(shape, dtype=bool)
    at = found["row"].to_numpy(), found["leg"].to_numpy()
    scale = found["scale"].to_numpy()
    for name in ("bid", "mid", "ask"):
        values[name][at] = found[name].fill_null(np.nan).to_numpy() * scale
    values["iv"][at] = found["iv"].fill_null(np.nan).to_numpy()
    source[at] = found["source"].fill_null(SYNTHETIC).to_numpy()
    no_bid[at] = found["no_bid"].fill_null(value=False).to_numpy()
    covered = _covered(modelled, stored, gap_sessions)
    _shift(modelled, values["iv"], source)
    return RealLegs(
        values["bid"], values["mid"], values["ask"], values["iv"], source, no_bid, covered
    )


def _wanted(modelled: ModelledLegs) -> pl.DataFrame:
    """One row for each living leg whose contract is a standard one on its session."""
    whole = np.abs(modelled.scale - np.round(modelled.scale)) < 1e-9
    standard = modelled.alive & (whole & (modelled.scale >= 1.0 - 1e-9))[:, None]
    row, leg = np.nonzero(standard)
    strike = modelled.strike[row, leg] / modelled.scale[row]
    names = np.array(modelled.names)
    return pl.DataFrame(
        {
            "row": row,
            "leg": leg,
            "date": pl.Series(modelled.day[row]).cast(pl.Date),
            "ticker": pl.Series(names[modelled.ticker[row]], dtype=pl.String),
            "last_day": pl.Series(modelled.last_day[row, leg]).cast(pl.Date),
            "right": pl.Series(
                np.where(modelled.sign[row, leg] > 0, "call", "put"), dtype=pl.String
            ),
            "sign": modelled.sign[row, leg],
            "strike": strike,
            "cents": np.round(strike * 100.0).astype(np.int64),
            "scale": modelled.scale[row],
            "far": np.abs(modelled.delta[row, leg]) < FAR_DELTA,
        }
    )


def _with_cents(chains: pl.DataFrame) -> pl.DataFrame:
    """One quote per contract; of an index's two roots that of its weeklies, settled at the close.

    Adjusted contracts, which deliver something else, are left out. Strikes are in whole cents, as
    the clearing house rounds them after a split.
    """
    standard = chains.filter(pl.col("quality").fill_null("") != "NONSTANDARD")
    return (
        standard.with_columns(
            cents=(pl.col("strike") * 100.0).round().cast(pl.Int64),
            sound=_has_quality("IV_BOUNDS"),
            two_sided=_has_quality("IV_BOUNDS", "WIDE"),
        )
        .sort("contract_symbol", descending=True)
        .unique(CONTRACT, keep="first", maintain_order=True)
    )


def _has_quality(*tolerated: str) -> pl.Expr:
    """Whether a two-sided quote failed no gate, or one that is tolerated.

    Deep in the money a good price may give no volatility, which fails IV_BOUNDS.
    """
    fine = pl.col("quality").is_null() | pl.col("quality").is_in(tolerated)
    return (fine & (pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid"))).fill_null(value=False)


def _own(wanted: pl.DataFrame, chains: pl.DataFrame) -> pl.DataFrame:
    quotes = chains.select(*CONTRACT, "bid", "ask", "iv", "sound", "two_sided", "quality")
    joined = wanted.join(quotes, on=CONTRACT, how="left", maintain_order="left")
    lone_ask = (
        pl.col("far")
        & (pl.col("quality") == "NO_BID")
        & (pl.col("bid").fill_null(0.0) == 0)
        & (pl.col("ask") > 0)
    ).fill_null(value=False)
    usable = pl.col("two_sided").fill_null(value=False) | lone_ask
    return (
        joined.with_columns(
            bid=pl.when(usable).then(pl.col("bid").fill_null(0.0)),
            ask=pl.when(usable).then("ask"),
            iv=pl.when(usable & ~lone_ask).then("iv"),
            source=pl.when(pl.col("sound").fill_null(value=False)).then(pl.lit(REAL)),
            no_bid=lone_ask,
        )
        .with_columns(mid=(pl.col("bid") + pl.col("ask")) / 2.0)
        .drop("sound", "two_sided", "quality")
    )


def _best(own: pl.DataFrame, chains: pl.DataFrame, rules: ChainRules) -> pl.DataFrame:
    """`own` with the best price and its source where it has no good two-sided quote."""
    missing = own.filter(pl.col("source").is_null())
    if missing.is_empty():
        return own
    wanted = missing.drop("bid", "mid", "ask", "iv", "no_bid")
    both = missing
    for name, prices in (
        ("parity", by_parity(wanted, chains, rules)),
        ("smile", by_smile(wanted, chains, rules)),
    ):
        key = ["row", "leg"]
        both = both.join(prices, on=key, how="left", suffix=f"_{name}", maintain_order="left")
    width, parity_width = pl.col("ask") - pl.col("bid"), pl.col("ask_parity") - pl.col("bid_parity")
    most = PARITY_SHARE * pl.col("mid_smile")
    off = (pl.col("mid_parity") - pl.col("mid_smile")).abs()
    # Without a smile to judge it, or without a quote to move, there is no parity price.
    parity = ((parity_width / 2.0 <= most) & (off <= most)).fill_null(value=False)
    doubt = pl.max_horizontal(DOUBT_SHARE * pl.col("mid_smile"), pl.lit(DOUBT_USD))
    agrees = (pl.col("mid") - pl.col("mid_smile")).abs() <= doubt
    few_ticks = pl.col("no_bid") & (pl.col("ask") <= FEW_TICKS_USD + 1e-9)
    counts = (agrees.fill_null(~pl.col("no_bid")) | few_ticks) & pl.col("mid").is_not_null()
    narrowest = pl.col("no_bid") | (width <= parity_width) | ~parity
    source = (
        pl.when(counts & narrowest).then(pl.lit(REAL))
        .when(parity).then(pl.lit(PARITY))
        .when(pl.col("mid_smile").is_not_null()).then(pl.lit(SMILE))
    )  # fmt: skip
    real, smile, half = pl.col("source") == REAL, pl.col("mid_smile"), parity_width / 2.0
    moved = pl.col("source") == PARITY
    chosen = both.with_columns(source=source).with_columns(
        bid=pl.when(real).then("bid").when(moved).then((smile - half).clip(lower_bound=0.0)),
        mid=pl.when(real).then("mid").otherwise(smile),
        ask=pl.when(real).then("ask").when(moved).then(smile + half),
        iv=pl.when(real).then("iv").otherwise("iv_smile"),
        no_bid=pl.col("no_bid") & real.fill_null(value=False),
    )
    return pl.concat([own.filter(pl.col("source").is_not_null()), chosen.select(own.columns)])


def _covered(modelled: ModelledLegs, stored: RealQuotes, gap_sessions: int) -> Bools:
    calendar = np.array(all_sessions(), dtype="datetime64[D]")
    covered = np.zeros(len(modelled.day), dtype=bool)
    for ticker in np.unique(modelled.ticker):
        rows = np.flatnonzero(modelled.ticker == ticker)
        stored_days, days = stored.days(modelled.names[ticker]), modelled.day[rows]
        at = np.searchsorted(stored_days, days, side="right") - 1
        rows, days, last = rows[at >= 0], days[at >= 0], stored_days[at[at >= 0]]
        age = np.searchsorted(calendar, days) - np.searchsorted(calendar, last)
        covered[rows] = age <= gap_sessions
    return covered


def _shift(modelled: ModelledLegs, iv: Floats, source: Ints) -> None:
    """Give legs without a real price the surface's volatility plus the last difference from it.

    `iv` and `source` are changed in place.
    """
    rows = np.arange(len(modelled.trade))
    begins = np.searchsorted(modelled.trade, modelled.trade, side="left")
    for leg in range(iv.shape[1]):
        known = np.isfinite(iv[:, leg]) & (source[:, leg] <= SMILE) & (source[:, leg] > 0)
        last = np.maximum.accumulate(np.where(known, rows, -1))
        shifted = (source[:, leg] == SYNTHETIC) & (last >= begins)
        at = last[shifted]
        difference = iv[at, leg] - modelled.iv[at, leg]
        left = 0.5 ** ((rows[shifted] - at) / HALF_LIFE)
        iv[shifted, leg] = np.maximum(modelled.iv[shifted, leg] + left * difference, 0.01)
        source[shifted, leg] = SHIFTED
