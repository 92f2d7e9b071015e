"""A fake Alpaca: a server on this machine with Alpaca's trading API, to try the whole flow out.

It keeps an account, accepts orders, fills or refuses them as configured, and fails on demand. Start
it with `options-platform fake-alpaca`; its orders never reach a market. Code that trades belongs to
`services.trading`, the client of the real API to `adapters.brokers`.
"""

from options_platform.fake_alpaca.server import FakeAlpaca

__all__ = ["FakeAlpaca"]
