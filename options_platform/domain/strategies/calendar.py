"""Buy a call at the spot, sell the same one with a nearer expiry: a debit for a quiet wait."""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="calendar",
    kind="debit",
    bias="neutral",
    legs=(Leg("buy", "call", "anchor"), Leg("sell", "call", "near")),
    centred=True,
)
