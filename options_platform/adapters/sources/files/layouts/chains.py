"""Layouts of option chains, of one session or of many."""

from __future__ import annotations

from options_platform.adapters.ports.market_data import SOURCE_CHAIN_SCHEMA
from options_platform.adapters.sources.files.layouts.layout import Layout

GREEKS = {f"source_{name}": name for name in ("delta", "gamma", "theta", "vega")}
QUOTE = {"bid": "bid", "ask": "ask"}
TRADED = {"last": "last", "volume": "volume", "open_interest": "open interest"}
UNDERLYING = {
    "ticker": "underlying",
    "contract_symbol": "contract symbol",
    "spot": "underlying price",
}
TERMS = {"expiry": "expiration", "strike": "strike", "right": "type"}


def _side(letter: str) -> dict[str, str]:
    parts = {"bid", "ask", "last", "volume", "iv", "delta", "gamma", "theta", "vega"}
    return {
        (name if name in ("bid", "ask", "last", "volume") else f"source_{name}"): f"{letter} {name}"
        for name in sorted(parts)
    }


def _orats(side: str) -> dict[str, str]:
    names = {"bid": "bidprice", "ask": "askprice", "volume": "volume"}
    names |= {"open_interest": "openinterest", "source_iv": "midiv"}
    return {ours: side + theirs for ours, theirs in names.items()}


def _cboe(second: str, symbol: str, volume: str, interest: str) -> dict[str, str]:
    names = {"last": "last sale", **QUOTE, "volume": volume, "source_iv": "iv"}
    names |= {"source_delta": "delta", "source_gamma": "gamma", "open_interest": interest}
    return {"contract_symbol": symbol} | {ours: theirs + second for ours, theirs in names.items()}


CHAINS = (
    Layout(
        "the csv layout",
        "chain",
        {"expiry": "expiry", "right": "right", "strike": "strike"},
        {"session": "session"}
        | {name: name.replace("_", " ") for name in SOURCE_CHAIN_SCHEMA if name != "source"},
    ),
    Layout(
        "OptionsDX",
        "chain",
        {
            "session": "quote date",
            "clock": "quote time hours",
            "spot": "underlying last",
            "expiry": "expire date",
            "strike": "strike",
        },
        calls=_side("c"),
        puts=_side("p"),
    ),
    Layout(
        "ORATS",
        "chain",
        {
            "ticker": "ticker",
            "session": "tradedate",
            "expiry": "expirdate",
            "strike": "strike",
            "spot": "stockprice",
        },
        calls=_orats("call"),
        puts=_orats("put"),
    ),
    *(
        Layout(
            "Cboe's delayed quotes",
            "chain",
            {"expiry": "expiration date", "strike": "strike"},
            calls=_cboe("", "calls", volume, interest),
            puts=_cboe(" 2", "puts", volume, interest),
            stamped=True,
        )
        for volume, interest in (("volume", "open interest"), ("vol", "open int"))
    ),
    Layout(
        "Cboe DataShop",
        "chain",
        {
            "ticker": "underlying symbol",
            "session": "quote date",
            "root": "root",
            "expiry": "expiration",
            "strike": "strike",
            "right": "option type",
            "bid": "bid eod",
            "ask": "ask eod",
            "volume": "trade volume",
        },
        {"open_interest": "open interest"},
    ),
    Layout(
        "DeltaNeutral (historicaloptiondata.com)",
        "chain",
        {
            "ticker": "underlyingsymbol",
            "spot": "underlyingprice",
            "right": "type",
            "expiry": "expiration",
            "session": "datadate",
            "strike": "strike",
        }
        | QUOTE,
        {
            "last": "last",
            "volume": "volume",
            "open_interest": "openinterest",
            "source_iv": "iv",
            "contract_symbol": "optionsymbol",
        },
        order="mdy",
    ),
    Layout(
        "DeltaNeutral (historicaloptiondata.com), with greeks",
        "chain",
        {
            "ticker": "underlying",
            "spot": "underlying last",
            "contract_symbol": "optionroot",
            "right": "type",
            "expiry": "expiration",
            "session": "quotedate",
            "strike": "strike",
        }
        | QUOTE,
        {"last": "last", "volume": "volume", "open_interest": "openinterest"}
        | {"source_iv": "impliedvol"},
        order="mdy",
        unknown={"source_iv": 0.3},
    ),
    Layout(
        "Alpha Vantage",
        "chain",
        {"contract_symbol": "contractid", "ticker": "symbol", "session": "date"} | TERMS | QUOTE,
        TRADED | {"source_iv": "implied volatility"} | GREEKS,
    ),
    Layout(
        "DoltHub post-no-preference/options",
        "chain",
        {"session": "date", "ticker": "act symbol", "expiry": "expiration", "strike": "strike"}
        | {"right": "call put"}
        | QUOTE,
        {"source_iv": "vol"} | GREEKS,
    ),
    Layout(
        "OptionMetrics",
        "chain",
        {
            "session": "date",
            "expiry": "exdate",
            "right": "cp flag",
            "strike": "strike price",
            "bid": "best bid",
            "ask": "best offer",
        },
        {
            "ticker": "ticker",
            "volume": "volume",
            "open_interest": "open interest",
            "source_iv": "impl volatility",
            "multiplier": "contract size",
        },
        scale={"strike": 0.001},
    ),
    Layout(
        "yfinance",
        "chain",
        {"contract_symbol": "contractsymbol", "last": "lastprice"} | QUOTE,
        {
            "volume": "volume",
            "open_interest": "openinterest",
            "source_iv": "impliedvolatility",
            "last_trade_at": "lasttradedate",
        },
    ),
    Layout(
        "ThetaData, end of day",
        "chain",
        {"ticker": "symbol", "session": "created", "expiry": "expiration", "strike": "strike"}
        | {"right": "right", "last": "close"}
        | QUOTE,
        {"volume": "volume"},
    ),
    Layout(
        "IVolatility",
        "chain",
        {"ticker": "symbol", "session": "date", "expiry": "expiration", "strike": "strike"}
        | {"right": "call put"}
        | QUOTE,
        {"spot": "stock price", "contract_symbol": "option symbol", "source_iv": "iv"}
        | {"volume": "volume", "open_interest": "open interest"}
        | GREEKS,
        order="mdy",
    ),
    Layout(
        "Market Data (marketdata.app)",
        "chain",
        {"contract_symbol": "optionsymbol", "ticker": "underlying"}
        | {"session": "updated", "quoted_at": "updated"}
        | {"expiry": "expiration", "strike": "strike", "right": "side"}
        | QUOTE,
        {"last": "last", "volume": "volume", "open_interest": "openinterest"}
        | {"spot": "underlyingprice", "source_iv": "iv"}
        | GREEKS,
    ),
    Layout(
        "EODHD",
        "chain",
        {"contract_symbol": "contract", "ticker": "underlying symbol", "expiry": "exp date"}
        | {"strike": "strike", "right": "type"}
        | QUOTE,
        {"session": "bid date", **TRADED, "source_iv": "volatility"} | GREEKS,
    ),
    Layout(
        "Discount Option Data",
        "chain",
        {"ticker": "symbol", "session": "datadate", "expiry": "expirationdate"}
        | {"strike": "strikeprice", "right": "putcall", "bid": "bidprice", "ask": "askprice"},
        {"last": "lastprice", "volume": "volume", "open_interest": "openinterest"}
        | {"spot": "underlyingprice", "source_iv": "impliedvolatility"}
        | {name: theirs for name, theirs in GREEKS.items() if theirs != "theta"},
    ),
    Layout(
        "Tradier",
        "chain",
        {"contract_symbol": "symbol", "ticker": "underlying", "expiry": "expiration date"}
        | {"strike": "strike", "right": "option type"}
        | QUOTE,
        {**TRADED, "multiplier": "contract size"},
    ),
    Layout(
        "OpenBB",
        "chain",
        {"ticker": "underlying symbol", "contract_symbol": "contract symbol"}
        | {"session": "eod date", "expiry": "expiration", "strike": "strike"}
        | {"right": "option type"}
        | QUOTE,
        {"spot": "underlying price", "volume": "volume", "open_interest": "open interest"}
        | {"last": "last trade price", "source_iv": "implied volatility"}
        | GREEKS,
    ),
    Layout(
        "a table with quote_date, expiration and type",
        "chain",
        {"session": "quote date"} | TERMS | QUOTE,
        TRADED
        | GREEKS
        | {"ticker": "underlying", "contract_symbol": "contract symbol"}
        | {"source_iv": "implied volatility"},
    ),
    Layout(
        "a table with date, expiration, type and iv",
        "chain",
        {"session": "date"} | TERMS | QUOTE | {"source_iv": "iv"},
        TRADED | GREEKS | UNDERLYING,
    ),
    Layout(
        "a table with date, expiration and type",
        "chain",
        {"session": "date"} | TERMS | QUOTE,
        TRADED | GREEKS | UNDERLYING | {"source_iv": "implied volatility"},
    ),
    Layout(
        "a table with expiration and type",
        "chain",
        TERMS | QUOTE,
        TRADED
        | {"ticker": "underlying", "contract_symbol": "contract symbol"}
        | {"source_iv": "implied volatility", "spot": "underlying price"}
        | {"last_trade_at": "last trade"},
    ),
)
