"""Sell a call and a put at the spot, without wings: a loss without bound, so by permission only.

With its risk defined it is the iron butterfly.
"""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="short_straddle",
    kind="credit",
    bias="neutral",
    legs=(Leg("sell", "put", "anchor"), Leg("sell", "call", "anchor")),
    centred=True,
)
