"""Import of option chains: quotes a second on one core, and the largest memory of the process.

A file of `--quotes` generated quotes is imported by `options-platform import` in a process with
one thread: 10,000 quotes a session, as SPY has them, in the layout `date, expiration, strike, type,
bid, ask, iv` and greeks, or in that of another publisher: OptionsDX and ORATS have a call and a put
in each row.
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
ORATS = [
    "ticker",
    "tradeDate",
    "expirDate",
    "dte",
    "strike",
    "stockPrice",
    "callVolume",
    "callOpenInterest",
    "callBidSize",
    "callAskSize",
    "putVolume",
    "putOpenInterest",
    "putBidSize",
    "putAskSize",
    "callBidPrice",
    "callValue",
    "callAskPrice",
    "putBidPrice",
    "putValue",
    "putAskPrice",
    "callMidIv",
    "putMidIv",
    "delta",
]
DATASHOP = [
    "underlying_symbol",
    "quote_date",
    "root",
    "expiration",
    "strike",
    "option_type",
    "open",
    "high",
    "low",
    "close",
    "trade_volume",
    "bid_size_1545",
    "bid_1545",
    "ask_size_1545",
    "ask_1545",
    "underlying_bid_1545",
    "underlying_ask_1545",
    "implied_volatility_1545",
    "delta_1545",
    "bid_size_eod",
    "bid_eod",
    "ask_size_eod",
    "ask_eod",
    "underlying_bid_eod",
    "underlying_ask_eod",
    "vwap",
    "open_interest",
    "delivery_code",
]
ALPHA_VANTAGE = [
    "contractID",
    "symbol",
    "expiration",
    "strike",
    "type",
    "last",
    "mark",
    "bid",
    "bid_size",
    "ask",
    "ask_size",
    "volume",
    "open_interest",
    "date",
    "implied_volatility",
    "delta",
    "gamma",
    "theta",
    "vega",
    "rho",
]
DOLTHUB = [
    "date",
    "act_symbol",
    "expiration",
    "strike",
    "call_put",
    "bid",
    "ask",
    "vol",
    "delta",
    "gamma",
    "theta",
    "vega",
    "rho",
]
OPTOPSY = [
    "underlying",
    "underlying_last",
    "exchange",
    "optionroot",
    "optionext",
    "type",
    "expiration",
    "quotedate",
    "strike",
    "last",
    "bid",
    "ask",
    "volume",
    "openinterest",
    "impliedvol",
    "delta",
    "gamma",
    "theta",
    "vega",
    "optionalias",
]


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


def orats(day: date) -> pl.DataFrame:
    """One session in the layout of ORATS."""
    rows = table(day)
    calls, puts = rows.gather_every(2), rows.gather_every(2, offset=1)
    texts = {"ticker": pl.repeat("SPY", calls.height, eager=True), "tradeDate": calls["date"]}
    texts |= {"expirDate": calls["expiration"], "strike": calls["strike"]}
    for name, side in (("call", calls), ("put", puts)):
        texts |= {f"{name}BidPrice": side["bid"], f"{name}AskPrice": side["ask"]}
        texts |= {f"{name}MidIv": side["iv"]}
    return _completed(texts, ORATS)


def datashop(day: date) -> pl.DataFrame:
    """One session in the layout of Cboe DataShop."""
    rows = table(day)
    texts = {"underlying_symbol": pl.repeat("SPY", rows.height, eager=True)}
    texts |= {"quote_date": rows["date"], "root": texts["underlying_symbol"]}
    texts |= {"expiration": rows["expiration"], "strike": rows["strike"]}
    texts |= {"option_type": rows["type"].str.head(1).str.to_uppercase()}
    texts |= {"bid_eod": rows["bid"], "ask_eod": rows["ask"], "open_interest": rows["strike"]}
    return _completed(texts, DATASHOP)


def alpha_vantage(day: date) -> pl.DataFrame:
    """One session in the layout of Alpha Vantage, with the OCC symbol of each contract."""
    rows = table(day)
    tail = (rows["strike"] * 1000).cast(pl.Int64).cast(pl.String).str.zfill(8)
    right = rows["type"].str.head(1).str.to_uppercase()
    texts = {"contractID": "SPY" + rows["expiration"].dt.strftime("%y%m%d") + right + tail}
    texts |= {"symbol": pl.repeat("SPY", rows.height, eager=True), "date": rows["date"]}
    texts |= {name: rows[name] for name in ("expiration", "strike", "type", "bid", "ask")}
    texts |= {"implied_volatility": rows["iv"]}
    texts |= {name: rows[name] for name in ("delta", "gamma", "theta", "vega")}
    return _completed(texts, ALPHA_VANTAGE)


def dolthub(day: date) -> pl.DataFrame:
    """One session in the layout of DoltHub's option tables."""
    rows = table(day).rename({"type": "call_put", "iv": "vol"})
    rows = rows.with_columns(
        act_symbol=pl.lit("SPY"), call_put=pl.col("call_put").str.to_titlecase()
    )
    return _completed(rows.to_dict(), DOLTHUB)


def optopsy(day: date) -> pl.DataFrame:
    """One session in the layout of optopsy's examples."""
    rows = alpha_vantage(day)
    theirs = {"symbol": "underlying", "contractID": "optionroot", "date": "quotedate"}
    rows = rows.rename(theirs | {"implied_volatility": "impliedvol"})
    return _completed({name: rows[name] for name in OPTOPSY if name in rows.columns}, OPTOPSY)


def _completed(texts: dict[str, pl.Series], names: list[str]) -> pl.DataFrame:
    """The columns in the publisher's order; those that are not generated are the same number."""
    frame = pl.DataFrame(texts)
    return frame.with_columns(
        pl.lit("0.5").alias(name) for name in names if name not in texts
    ).select(names)


MAKERS = {
    "table": table,
    "optionsdx": optionsdx,
    "orats": orats,
    "datashop": datashop,
    "alpha_vantage": alpha_vantage,
    "dolthub": dolthub,
    "optopsy": optopsy,
}


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
        header = layout != "optionsdx" and not number
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
