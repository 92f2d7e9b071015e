"""CPU time to find every bull put spread of a chain file, against optopsy's raw engine.

Both use the same file and the same rule (all pairs of strikes up to six weeks before expiry, mids,
held to expiry), and must find the same trades. optopsy runs under a Python that has it:

    python -m benchmarks.optopsy_spreads --optopsy /path/to/venv/bin/python
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from options_platform.domain.calendar.expiries import listed_expiries
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain import ChainRules
from options_platform.testing.synthetic_chains import synthetic_chain
from options_platform.testing.vertical_spreads import vertical_spreads

GOAL = 10.0
MAX_DTE = 42
PEER = """
import sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd, optopsy as op
rows = pd.read_csv(sys.argv[1], parse_dates=["quote_date", "expiration"])
best = 1e9
for _ in range(2):
    start = time.process_time()
    found = op.short_put_spread(rows, raw=True, max_entry_dte=42, exit_dte=0, min_bid_ask=0.05,
                                max_otm_pct=0.9, drop_nan=False)
    best = min(best, time.process_time() - start)
expiry = found["expiration"].to_numpy().astype("datetime64[D]").astype("int64")
table = np.stack([expiry, found["dte_entry"], found["strike_leg1"], found["strike_leg2"],
                  found["total_entry_cost"], found["total_exit_proceeds"]], axis=1).astype(float)
np.save(sys.argv[2], table)
print(best)
"""


def generated_chains(first: date, last: date) -> pl.DataFrame:
    """Synthetic chains of each session of a random walk, with intrinsic values at expiry."""
    random = np.random.default_rng(3)
    days = sessions(first, last)
    spots = 100.0 * np.exp(np.cumsum(random.normal(0, 0.01, len(days))))
    frames: list[pl.DataFrame] = []
    quoted: set[date] = set()
    for day, spot in zip(days, spots, strict=True):
        expiries = [e for e in listed_expiries("SPY", day) if (e - day).days <= MAX_DTE]
        chain = synthetic_chain(day, "SPY", float(spot), 0.22, expiries, ChainRules())
        puts = chain.quotes.filter(pl.col("right") == "put").select(
            "expiry", "strike", "bid", "ask"
        )
        if day in quoted:
            strikes = np.arange(40.0, 200.0)
            paid = np.maximum(strikes - spot, 0.0).round(2)
            at_expiry = {"expiry": day, "strike": strikes, "bid": paid, "ask": paid}
            puts = pl.concat([puts, pl.DataFrame(at_expiry, schema=puts.schema)])
        quoted.update(expiries)
        frames.append(puts.with_columns(date=pl.lit(day), spot=pl.lit(float(spot))))
    return pl.concat(frames).with_columns(ticker=pl.lit("SPY"), right=pl.lit("put"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--optopsy", required=True, help="a Python that has optopsy 2")
    chosen = parser.parse_args()
    quotes = generated_chains(date(2022, 1, 3), date(2022, 12, 30))
    with tempfile.TemporaryDirectory() as folder:
        file, answer = Path(folder) / "chain.csv", Path(folder) / "trades.npy"
        quotes.select(
            "spot", "right", "expiry", "date", "strike", "bid", "ask", "ticker"
        ).rename(
            {"spot": "underlying_price", "right": "option_type", "expiry": "expiration",
             "date": "quote_date", "ticker": "underlying_symbol"}
        ).write_csv(file)  # fmt: skip
        # Reading the file is not timed.
        ours_in = pl.read_csv(file, try_parse_dates=True).rename(
            {"option_type": "right", "expiration": "expiry", "quote_date": "date",
             "underlying_symbol": "ticker"}
        )  # fmt: skip
        done = subprocess.run(
            [chosen.optopsy, "-c", PEER, str(file), str(answer)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        theirs, peer_seconds = np.load(answer), float(done.stdout.split()[-1])
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        found = vertical_spreads(ours_in, "put", "upper", max_entry_dte=MAX_DTE)
        best = min(best, time.process_time() - start)
    ours = found.select(
        pl.col("expiry").cast(pl.Int32).cast(pl.Float64), pl.col("dte").cast(pl.Float64),
        "lower", "upper", "entry_price", "exit_value",
    ).to_numpy()  # fmt: skip
    keys = [table[np.lexsort(table[:, 3::-1].T)] for table in (ours, theirs)]
    same = len(ours) == len(theirs) and np.array_equal(keys[0][:, :4], keys[1][:, :4])
    gap = float(np.max(np.abs(keys[0][:, 4:] - keys[1][:, 4:]))) if same else float("nan")
    print(f"{ours_in.height} quotes, {len(ours)} spreads here, {len(theirs)} in optopsy")
    print(
        f"the same trades: {'yes' if same else 'NO'}, largest difference of a price {gap:.1e} USD"
    )
    print(f"options-platform {best:.2f} CPU s, optopsy {peer_seconds:.2f} CPU s")
    ratio = peer_seconds / best
    print(f"ratio {ratio:.1f}, goal {GOAL:.0f}: {'met' if ratio >= GOAL and same else 'MISSED'}")


if __name__ == "__main__":
    main()
