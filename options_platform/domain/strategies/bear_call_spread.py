"""Sell a call, buy a call further out of the money: a credit for no rise."""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="bear_call_spread",
    kind="credit",
    bias="bearish",
    legs=(Leg("sell", "call", "anchor"), Leg("buy", "call", "wing")),
)
