"""The section on several tickers at once: what moves together, from the marts alone."""

from options_platform.reporting.cross_ticker.section import READ_MARTS, cross_ticker_section

__all__ = ("READ_MARTS", "cross_ticker_section")
