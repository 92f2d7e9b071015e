"""Option chains: quality gates for real quotes, and the synthetic chain that replaces them.

Both are a `Chain`; its `source` says which. A synthetic chain is used for a session without a
stored real chain: it has listed strikes, implied volatilities from the ticker's volatility index
and a modelled bid-ask width. Plans made from it have `chain_source = synthetic`.

OCC symbols, put-call parity, the volatility surface and arbitrage checks belong here. Fetching
chains does not (`adapters/sources/`), nor does choosing strikes for a trade (`domain/planning/`).
"""

from options_platform.domain.chain.chain import CHAIN_SCHEMA, Chain, real_chain
from options_platform.domain.chain.listing import snap_strike, strike_nearest_delta, strike_step
from options_platform.domain.chain.quotes import Quotes, option_sign, quote, years_of
from options_platform.domain.chain.rules import ChainRules
from options_platform.domain.chain.surface import (
    SurfaceRules,
    atm_vol,
    index_at,
    surface_iv,
)
from options_platform.domain.chain.underlying import NO_TERM, TermStructure, Underlying
from options_platform.domain.chain.width import WidthRules

__all__ = [
    "CHAIN_SCHEMA",
    "NO_TERM",
    "Chain",
    "ChainRules",
    "Quotes",
    "SurfaceRules",
    "TermStructure",
    "Underlying",
    "WidthRules",
    "atm_vol",
    "index_at",
    "option_sign",
    "quote",
    "real_chain",
    "snap_strike",
    "strike_nearest_delta",
    "strike_step",
    "surface_iv",
    "years_of",
]
