"""A server on this machine that plays Alpaca's trading interface, to try the whole flow out.

It keeps an account, takes orders, fills or refuses them as told, and misbehaves on demand. Start it
with `options-platform fake-alpaca`; nothing of it ever reaches a market.
"""

from options_platform.fake_alpaca.server import FakeAlpaca

__all__ = ["FakeAlpaca"]
