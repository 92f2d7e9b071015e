"""Files of twenty quotes in the layouts of those who sell or share option chains."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.sources.files.bulk.head import chain_head
from options_platform.adapters.sources.files.bulk.importing import ChainRequest, import_chains

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DAYS = ("2024-07-01", "2024-07-02")
STRIKES = (540.0, 541.0, 542.0, 543.0, 544.0)
SPOT = 545.34


def quotes():
    """Day, right, strike, bid, ask and volatility of the twenty quotes, all different."""
    rows = []
    for day in DAYS:
        for strike in STRIKES:
            for right in ("call", "put"):
                number = len(rows)
                rows.append((day, right, strike, 5.0 + number, 5.1 + number, 0.11 + number / 1000))
    return rows


def _lines(header, lines):
    return "\n".join([header, *lines]) + "\n"


def table():
    """Yearly text `date, expiration, strike, type, bid, ask, iv` and greeks."""
    return _lines(
        "date,expiration,strike,type,bid,ask,iv,delta,gamma,theta,vega",
        [
            f"{d},2024-07-19,{k},{r},{b},{a},{v},0.5,0.02,-0.18,0.48"
            for d, r, k, b, a, v in quotes()
        ],
    )


def optionsdx():
    names = (
        "[QUOTE_UNIXTIME], [QUOTE_READTIME], [QUOTE_DATE], [QUOTE_TIME_HOURS], [UNDERLYING_LAST], "
        "[EXPIRE_DATE], [EXPIRE_UNIX], [DTE], [C_DELTA], [C_GAMMA], [C_VEGA], [C_THETA], [C_RHO], "
        "[C_IV], [C_VOLUME], [C_LAST], [C_SIZE], [C_BID], [C_ASK], [STRIKE], [P_BID], [P_ASK], "
        "[P_SIZE], [P_LAST], [P_DELTA], [P_GAMMA], [P_VEGA], [P_THETA], [P_RHO], [P_IV], "
        "[P_VOLUME], [STRIKE_DISTANCE], [STRIKE_DISTANCE_PCT]"
    )
    rows = quotes()
    lines = [
        f"1719864000, {d} 16:00, {d}, 16.000000, {SPOT}, 2024-07-19, 1721419200, 18.0, 0.51, 0.02, "
        f"0.48, -0.18, 0.12, {v}, 12.0, 7.45, 10 x 12, {b}, {a}, {k}, {pb}, {pa}, 8 x 9, 5.95, "
        f"-0.49, 0.02, 0.48, -0.16, -0.13, {pv}, , 0.34, 0.001"
        for (d, _, k, b, a, v), (_, _, _, pb, pa, pv) in zip(rows[::2], rows[1::2], strict=True)
    ]
    return _lines(names, lines)


def datashop():
    names = (
        "underlying_symbol,quote_date,root,expiration,strike,option_type,open,high,low,close,"
        "trade_volume,bid_size_1545,bid_1545,ask_size_1545,ask_1545,underlying_bid_1545,"
        "underlying_ask_1545,implied_volatility_1545,delta_1545,bid_size_eod,bid_eod,ask_size_eod,"
        "ask_eod,underlying_bid_eod,underlying_ask_eod,vwap,open_interest,delivery_code"
    )
    lines = [
        f"SPY,{d},SPY,2024-07-19,{k},{r[0].upper()},0,0,0,0,12,1,7,1,8,545,546,0.1,0.5,1,{b},1,{a},"
        "545.3,545.4,0,340,"
        for d, r, k, b, a, _ in quotes()
    ]
    return _lines(names, lines)


def orats():
    names = (
        "ticker,tradeDate,expirDate,dte,strike,stockPrice,callVolume,callOpenInterest,callBidSize,"
        "callAskSize,putVolume,putOpenInterest,putBidSize,putAskSize,callBidPrice,callValue,"
        "callAskPrice,putBidPrice,putValue,putAskPrice,callMidIv,putMidIv,delta"
    )
    rows = quotes()
    lines = [
        f"SPY,{d},2024-07-19,19,{k},{SPOT},12,340,1,1,7,90,1,1,{b},7,{a},{pb},5.95,{pa},{v},{pv},0.51"
        for (d, _, k, b, a, v), (_, _, _, pb, pa, pv) in zip(rows[::2], rows[1::2], strict=True)
    ]
    return _lines(names, lines)


def alpha_vantage():
    names = (
        "contractID,symbol,expiration,strike,type,last,mark,bid,bid_size,ask,ask_size,volume,"
        "open_interest,date,implied_volatility,delta,gamma,theta,vega,rho"
    )
    lines = [
        f"SPY240719{r[0].upper()}{k * 1000:08.0f},SPY,2024-07-19,{k:.2f},{r},7.45,7.45,{b},22,{a},"
        f"17,12,340,{d},{v},0.51,0.02,-0.18,0.48,0.1"
        for d, r, k, b, a, v in quotes()
    ]
    return _lines(names, lines).replace("\n", "\r\n")


def dolthub():
    lines = [
        f"{d},SPY,2024-07-19,{k:.2f},{r.title()},{b},{a},{v},0.51,0.02,-0.18,0.48,0.1"
        for d, r, k, b, a, v in quotes()
    ]
    return _lines(
        "date,act_symbol,expiration,strike,call_put,bid,ask,vol,delta,gamma,theta,vega,rho", lines
    )


def optopsy():
    """The csv that optopsy's examples read: the underlying is the root of the options."""
    names = (
        "underlying,underlying_last,exchange,optionroot,optionext,type,expiration,quotedate,"
        "strike,last,bid,ask,volume,openinterest,impliedvol,delta,gamma,theta,vega,optionalias"
    )
    lines = [
        f"SPXW,{SPOT},W,SPXW240719{r[0].upper()}{k * 1000:08.0f},,{r},2024-07-19,{d},{k},7.45,{b},"
        f"{a},12,340,{v},0.5,0.02,-0.18,0.48,"
        for d, r, k, b, a, v in quotes()
    ]
    return _lines(names, lines)


def parquet(path: Path) -> None:
    """Yearly Parquet `date, expiration, strike, type, bid, ask, iv` and greeks."""
    rows = quotes()
    pl.DataFrame(
        {
            "date": [date.fromisoformat(row[0]) for row in rows],
            "expiration": [date(2024, 7, 19)] * len(rows),
            "strike": [row[2] for row in rows],
            "type": [row[1] for row in rows],
            "bid": [row[3] for row in rows],
            "ask": [row[4] for row in rows],
            "iv": [row[5] for row in rows],
            "delta": 0.5,
        }
    ).write_parquet(path)


def run(path, folder, **request):
    """Import a file into `folder`/options."""
    head = chain_head(path)
    assert head is not None
    return import_chains(head, folder / "options", ChainRequest(**request))


def chain(folder, day, ticker="SPY"):
    """A chain as the source csv reads it."""
    source = open_source("csv", SourceOptions(csv_dir=str(folder)))
    return source.option_chain(ticker, date.fromisoformat(day), NOW)
