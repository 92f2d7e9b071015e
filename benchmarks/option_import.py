"""Import of option chains: quotes a second on one core, and the largest memory of the process.

A file of `--quotes` generated quotes is imported by `options-platform import` in a process with
one thread: 10,000 quotes a session, as SPY has them, in the layout `date, expiration, strike, type,
bid, ask, iv` and greeks, or in that of OptionsDX with two quotes a row.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from options_platform.domain.calendar.sessions import sessions

A_SESSION = 10_000
EXPIRIES = 25
OPTIONSDX = (
    "[QUOTE_UNIXTIME], [QUOTE_READTIME], [QUOTE_DATE], [QUOTE_TIME_HOURS], [UNDERLYING_LAST], "
    "[EXPIRE_DATE], [EXPIRE_UNIX], [DTE], [C_DELTA], [C_GAMMA], [C_VEGA], [C_THETA], [C_RHO], "
    "[C_IV], [C_VOLUME], [C_LAST], [C_SIZE], [C_BID], [C_ASK], [STRIKE], [P_BID], [P_ASK], "
    "[P_SIZE], [P_LAST], [P_DELTA], [P_GAMMA], [P_VEGA], [P_THETA], [P_RHO], [P_IV], "
    "[P_VOLUME], [STRIKE_DISTANCE], [STRIKE_DISTANCE_PCT]"
)


def table(day: date) -> pl.DataFrame:
    """One session in the layout of a table with date, expiration and type."""
    random = np.random.default_rng(day.toordinal())
    strikes = A_SESSION // EXPIRIES // 2
    mid = np.round(random.gamma(1.0, 15.0, A_SESSION) + 0.05, 2)
    expiries = [day + timedelta(days=7 * n + 4) for n in range(EXPIRIES)]
    numbers = {
        name: np.round(random.normal(0.2, 0.05, A_SESSION), 5)
        for name in ("iv", "delta", "gamma", "theta", "vega")
    }
    return pl.DataFrame(
        {
            "date": pl.repeat(day, A_SESSION, eager=True),
            "expiration": pl.Series(expiries).repeat_by(strikes * 2).explode(),
            "strike": np.tile(np.repeat(np.arange(strikes) + 300.0, 2), EXPIRIES),
            "type": np.tile(["call", "put"], A_SESSION // 2),
            "bid": np.round(mid - 0.01, 2),
            "ask": np.round(mid + 0.01, 2),
        }
        | numbers
    )


def optionsdx(day: date) -> pl.DataFrame:
    """One session in the layout of OptionsDX, blanks after the commas included."""
    rows = table(day)
    calls, puts = rows.gather_every(2), rows.gather_every(2, offset=1)
    texts: dict[str, pl.Series | pl.Expr] = {
        "[QUOTE_DATE]": calls["date"], "[EXPIRE_DATE]": calls["expiration"],
        "[STRIKE]": calls["strike"],
    }  # fmt: skip
    for letter, side in (("C", calls), ("P", puts)):
        for name in ("bid", "ask", "iv", "delta", "gamma", "theta", "vega"):
            texts[f"[{letter}_{name.upper()}]"] = side[name]
    usual = {"[QUOTE_TIME_HOURS]": "16.000000", "[C_SIZE]": "10 x 12", "[P_SIZE]": "8 x 9"}
    names = OPTIONSDX.split(", ")
    frame = pl.DataFrame({name: texts[name] for name in names if name in texts})
    missing = {name: pl.lit(usual.get(name, "0.5")) for name in names if name not in texts}
    frame = frame.with_columns(**missing).select(names)
    return frame.with_columns(pl.format(" {}", pl.col(name)).alias(name) for name in names[1:])


MAKERS = {"table": table, "optionsdx": optionsdx}


def generate(path: Path, quotes: int, layout: str) -> None:
    """Write a file of `quotes` quotes, whole sessions of 10,000."""
    days = sessions(date(2010, 1, 4), date(2024, 12, 31))[: max(1, quotes // A_SESSION)]
    with path.open("wb") as file:
        for text in _texts(days, layout):
            file.write(text)


def _texts(days: list[date], layout: str) -> Iterator[bytes]:
    if layout == "optionsdx":
        yield f"{OPTIONSDX}\n".encode()
    for number, day in enumerate(days):
        header = layout == "table" and not number
        yield MAKERS[layout](day).write_csv(include_header=header, quote_style="never").encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quotes", type=int, default=20_000_000)
    parser.add_argument("--layout", choices=sorted(MAKERS), default="table")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        file = Path(name) / "SPY_2010.csv"
        generate(file, arguments.quotes, arguments.layout)
        gigabytes = file.stat().st_size / 1e9
        command = [sys.executable, "-m", "options_platform", "import", str(file), "--to", name]
        environment = os.environ | {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
        began = time.perf_counter()
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        elapsed = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime
    print(
        f"{arguments.quotes:,} quotes of the layout {arguments.layout}, {gigabytes:.2f} GB:\n"
        f"{arguments.quotes / processor:,.0f} quotes a second of processor time "
        f"({processor:.1f} s), {arguments.quotes / elapsed:,.0f} a second elapsed "
        f"({elapsed:.1f} s)\nlargest memory {used.ru_maxrss / 1024:,.0f} MB"
    )


if __name__ == "__main__":
    main()
