"""Buy a put and a call out of the money: a smaller debit for a larger move either way."""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="long_strangle",
    kind="debit",
    bias="neutral",
    legs=(Leg("buy", "put", "anchor"), Leg("buy", "call", "anchor")),
)
