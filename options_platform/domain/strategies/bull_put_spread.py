"""Sell a put, buy a put further out of the money: a credit for no fall."""

from options_platform.domain.strategies.base import Leg, Strategy

STRATEGY = Strategy(
    name="bull_put_spread",
    kind="credit",
    bias="bullish",
    legs=(Leg("sell", "put", "anchor"), Leg("buy", "put", "wing")),
)
