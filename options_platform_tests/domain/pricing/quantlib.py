"""QuantLib prices of one option, the reference for the platform's prices."""

import pytest

VALUES = {"call": 1.0, "put": -1.0}


def option(spot, strike, days, vol, rate, dividend, right, *, american, engine):
    """A QuantLib option; `engine` builds its pricing engine from library, process and date."""
    ql = pytest.importorskip("QuantLib")
    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    counter, calendar = ql.Actual365Fixed(), ql.NullCalendar()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, dividend, counter)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate, counter)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, calendar, vol, counter)),
    )
    kind = ql.Option.Call if right == "call" else ql.Option.Put
    last = today + days
    exercise = ql.AmericanExercise(today, last) if american else ql.EuropeanExercise(last)
    priced = ql.VanillaOption(ql.PlainVanillaPayoff(kind, strike), exercise)
    priced.setPricingEngine(engine(ql, process, today))
    return priced
