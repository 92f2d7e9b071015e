"""Buy a call and a put at the spot: a debit for a move either way."""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="long_straddle",
    kind="debit",
    bias="neutral",
    legs=(Leg("buy", "put", "anchor"), Leg("buy", "call", "anchor")),
    centred=True,
)
