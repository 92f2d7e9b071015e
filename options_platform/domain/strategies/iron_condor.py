"""Sell a put spread and a call spread: a credit for staying between them."""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="iron_condor",
    kind="credit",
    bias="neutral",
    legs=(
        Leg("sell", "put", "anchor"),
        Leg("buy", "put", "wing"),
        Leg("sell", "call", "anchor"),
        Leg("buy", "call", "wing"),
    ),
)
