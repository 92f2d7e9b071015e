"""CPU time of prices with greeks and of implied volatilities, against QuantLib and py_vollib.

On the same seeded options: this package on batches, QuantLib one option at a time from Python, and
py_vollib_vectorized if a Python that has it is given:

    python -m benchmarks.pricing --vollib /path/to/venv/bin/python

py_vollib_vectorized 0.1.1 works with py_vollib 1.0.1, py_lets_be_rational 1.0.1, numba 0.57 and
numpy 1.24, and not with newer ones.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing import (
    american_price,
    black_scholes,
    european_price,
    implied_vol,
)

RATE = 0.03
GOALS = {"price and greeks": 5e6, "implied volatility": 1e6}
PEER = """
import sys, time, numpy as np, warnings
warnings.simplefilter("ignore")
from py_vollib_vectorized import vectorized_implied_volatility, price_dataframe
import pandas as pd
from py_vollib_vectorized.api import get_all_greeks
from py_vollib_vectorized.models import vectorized_black_scholes
spot, strike, years, vol, sign, price = np.load(sys.argv[1])
flag = np.where(sign > 0, "c", "p")
def run(work):
    work()
    best = 1e9
    for _ in range(3):
        start = time.process_time(); work(); best = min(best, time.process_time() - start)
    return best
greeks = run(lambda: (vectorized_black_scholes(flag, spot, strike, years, 0.03, vol),
                      get_all_greeks(flag, spot, strike, years, 0.03, vol, model="black_scholes")))
iv = run(lambda: vectorized_implied_volatility(price, spot, strike, years, 0.03, flag,
                                               on_error="ignore"))
print(len(spot) / greeks, len(spot) / iv)
"""


def options(count: int) -> tuple[Floats, ...]:
    """Spot, strike, years, vol and sign of random options like those listed on an index fund."""
    random = np.random.default_rng(5)
    spot = random.uniform(50, 500, count)
    years, vol = random.uniform(5, 120, count) / 365, random.uniform(0.08, 0.6, count)
    strike = spot * np.exp(random.normal(0, 1.2, count) * vol * np.sqrt(years))
    return spot, strike, years, vol, random.choice([1.0, -1.0], count)


def rate_of(work: Callable[[], object], count: int, repeats: int) -> float:
    """Options per CPU second: the best of some repeats, after a first run to warm up."""
    work()
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return count / best


def quantlib_rates(count: int) -> tuple[float, float]:
    import QuantLib as ql  # noqa: N813 (as in its documentation)

    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    counter = ql.Actual365Fixed()
    spot, strike, years, vol, sign = options(count)
    quote, level = ql.SimpleQuote(100.0), ql.SimpleQuote(0.2)
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(quote),
        ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, counter)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, RATE, counter)),
        ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), ql.QuoteHandle(level), counter)
        ),
    )
    engine = ql.AnalyticEuropeanEngine(process)
    sink: list[float] = []

    def build(row: int) -> ql.VanillaOption:
        kind = ql.Option.Call if sign[row] > 0 else ql.Option.Put
        exercise = ql.EuropeanExercise(today + round(years[row] * 365))
        option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, float(strike[row])), exercise)
        quote.setValue(float(spot[row]))
        level.setValue(float(vol[row]))
        option.setPricingEngine(engine)
        return option

    def greeks() -> None:
        for row in range(count):
            option = build(row)
            sink[:] = [option.NPV(), option.delta(), option.gamma(), option.theta(),
                        option.vega(), option.rho()]  # fmt: skip

    def volatility() -> None:
        for row in range(count):
            option = build(row)
            sink[:] = [option.impliedVolatility(option.NPV(), process, 1e-8, 200, 1e-4, 8.0)]

    return rate_of(greeks, count, 2), rate_of(volatility, count, 2)


def vollib_rates(python: str, count: int, folder: Path) -> tuple[float, float]:
    spot, strike, years, vol, sign = options(count)
    price = european_price(spot, strike, years, vol, RATE, 0.0, sign)
    file = folder / "options.npy"
    np.save(file, np.stack([spot, strike, years, vol, sign, price]))
    done = subprocess.run(  # the user chooses the Python
        [python, "-c", PEER, str(file)], check=True, capture_output=True, text=True
    )
    greeks, volatility = (float(text) for text in done.stdout.split()[-2:])
    return greeks, volatility


def main() -> None:
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--vollib", help="a Python that has py_vollib_vectorized")
    chosen = parser.parse_args()
    spot, strike, years, vol, sign = options(chosen.count)
    inputs = (spot, strike, years, vol, RATE, 0.0, sign)
    price = european_price(*inputs)
    ours = {
        "price and greeks": rate_of(lambda: black_scholes(*inputs), chosen.count, 7),
        "implied volatility": rate_of(
            lambda: implied_vol(price, spot, strike, years, RATE, 0.0, sign), chosen.count, 7
        ),
    }
    american = rate_of(
        lambda: american_price(spot, strike, years, vol, RATE, 0.015, sign), chosen.count, 3
    )
    error = np.abs(implied_vol(price, spot, strike, years, RATE, 0.0, sign) - vol)
    peers = {"QuantLib loop": quantlib_rates(5_000)}
    if chosen.vollib:
        with tempfile.TemporaryDirectory() as folder:
            peers["py_vollib_vectorized"] = vollib_rates(chosen.vollib, chosen.count, Path(folder))
    print(f"{chosen.count} options, one core, per CPU second")
    for index, (name, rate) in enumerate(ours.items()):
        goal = GOALS[name]
        verdict = "met" if rate >= goal else "MISSED"
        print(f"  {name:20} {rate / 1e6:6.2f} million (goal {goal / 1e6:.0f}: {verdict})")
        for peer, rates in peers.items():
            print(f"    / {peer:22} {rate / rates[index]:8.1f}  ({rates[index]:,.0f})")
    print(f"  American price       {american / 1e6:6.2f} million")
    print(f"  largest error of the implied volatilities: {np.nanmax(error):.1e}")


if __name__ == "__main__":
    main()
