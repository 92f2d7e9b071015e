"""Backtests of bull put spreads in a small market."""

from dataclasses import replace
from datetime import date

from options_platform.domain.backtest import AssignmentRules, run_backtest
from options_platform_tests.domain.backtest.small import (
    DAYS,
    FREE,
    market,
    plan,
)

EXPIRY = date(2024, 2, 16)


BULL_PUT = [("sell", "put", 95.0, EXPIRY), ("buy", "put", 90.0, EXPIRY)]


HELD = replace(FREE, exits=None, assignment=AssignmentRules(enabled=False))


FLAT_PRICES = [100.0] * len(DAYS)


def bull_put(day=DAYS[0], **changes):
    values = {"price": -0.5, "loss": 4.5, "profit": 0.5} | changes
    return plan(day, BULL_PUT, **values)


def run(planned, closes=FLAT_PRICES, rules=HELD, **changes):
    return run_backtest(*planned, market({"SPY": closes}, **changes), rules)
