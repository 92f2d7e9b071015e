"""Buy a put, sell a put further out of the money: a debit for a fall."""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="bear_put_spread",
    kind="debit",
    bias="bearish",
    legs=(Leg("buy", "put", "anchor"), Leg("sell", "put", "wing")),
)
