"""Option chains: one type for stored real quotes and for synthetic ones, which say so.

Synthetic chains stand where no real chain of the session is stored: listed strikes, implied
volatilities from the ticker's volatility index, and a quoted width. A plan that rests on one has
`chain_source = synthetic`.
"""

from options_platform.domain.chain.chain import CHAIN_SCHEMA, Chain, real_chain
from options_platform.domain.chain.listing import snap_strike, strike_nearest_delta, strike_step
from options_platform.domain.chain.quotes import TICK, Quotes, option_sign, quote, years_of
from options_platform.domain.chain.rules import ChainRules
from options_platform.domain.chain.surface import (
    NO_TERM,
    SurfaceRules,
    TermStructure,
    atm_vol,
    index_at,
    index_for_atm,
    surface_iv,
)

__all__ = [
    "CHAIN_SCHEMA",
    "NO_TERM",
    "TICK",
    "Chain",
    "ChainRules",
    "Quotes",
    "SurfaceRules",
    "TermStructure",
    "atm_vol",
    "index_at",
    "index_for_atm",
    "option_sign",
    "quote",
    "real_chain",
    "snap_strike",
    "strike_nearest_delta",
    "strike_step",
    "surface_iv",
    "years_of",
]
