"""Sell a put and a call out of the money, without wings: by permission only.

With its risk defined it is the iron condor.
"""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="short_strangle",
    kind="credit",
    bias="neutral",
    legs=(Leg("sell", "put", "anchor"), Leg("sell", "call", "anchor")),
)
