"""Buy a call, sell a call further out of the money: a debit for a rise."""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="bull_call_spread",
    kind="debit",
    bias="bullish",
    legs=(Leg("buy", "call", "anchor"), Leg("sell", "call", "wing")),
)
