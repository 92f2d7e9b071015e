"""The report's section on earnings: calendar, moves beside implied ones, crush, each report."""

from options_platform.reporting.earnings.section import earnings_section

__all__ = ["earnings_section"]
