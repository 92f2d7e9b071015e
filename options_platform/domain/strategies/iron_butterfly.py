"""Sell a straddle, buy the wings: the richest credit, for staying at the spot."""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="iron_butterfly",
    kind="credit",
    bias="neutral",
    legs=(
        Leg("sell", "put", "anchor"),
        Leg("buy", "put", "wing"),
        Leg("sell", "call", "anchor"),
        Leg("buy", "call", "wing"),
    ),
    centred=True,
)
