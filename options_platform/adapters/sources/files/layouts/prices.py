"""Layouts of daily bars of tickers and of indices."""

from __future__ import annotations

from options_platform.adapters.sources.files.layouts.layout import ONE_VALUE, Layout

OHLC = {"open": "open", "high": "high", "low": "low", "close": "close"}
OHLCV = OHLC | {"volume": "volume"}
DAY = {"date": "date"}
WITH_DIVIDENDS = (
    "its Close may be adjusted for dividends (auto_adjust); download it with auto_adjust=False"
)
BRACKETS = {
    "date": "date", "open": "open", "high": "high", "low": "low", "close": "close",
}  # fmt: skip

BARS = (
    Layout(
        "yfinance, with actions",
        "bars",
        DAY
        | OHLCV
        | {"adj_close": "adj close", "dividend": "dividends", "split_ratio": "stock splits"},
    ),
    Layout(
        "the site of Yahoo",
        "bars",
        DAY | OHLCV | {"adj_close": "adj close"},
        exact=("Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"),
    ),
    Layout(
        "yfinance's download",
        "bars",
        {"date": "price"} | OHLCV | {"adj_close": "adj close"},
        skip=2,
    ),
    Layout(
        "yfinance's download",
        "bars",
        {"date": "price"} | OHLCV,
        no_bars=WITH_DIVIDENDS,
        skip=2,
    ),
    Layout(
        "yfinance's download",
        "bars",
        DAY | OHLCV,
        exact=("Date", "Close", "High", "Low", "Open", "Volume"),
        no_bars=WITH_DIVIDENDS,
    ),
    Layout(
        "yfinance's history",
        "bars",
        DAY | OHLCV | {"dividend": "dividends", "split_ratio": "stock splits"},
        no_bars=WITH_DIVIDENDS,
    ),
    Layout("the csv layout", "bars", DAY | OHLCV | {"adj_close": "adj close"}),
    Layout(
        "Alpha Vantage, adjusted",
        "bars",
        {"date": "timestamp"}
        | OHLCV
        | {
            "adj_close": "adjusted close",
            "dividend": "dividend amount",
            "split_ratio": "split coefficient",
        },
        as_traded=True,
    ),
    Layout(
        "Alpaca",
        "bars",
        {"date": "timestamp"} | OHLCV | {"trades": "trade count"},
        as_traded=True,
    ),
    Layout("Alpha Vantage", "bars", {"date": "timestamp"} | OHLCV, as_traded=True),
    Layout("EODHD", "bars", DAY | OHLCV | {"adj_close": "adjusted close"}, as_traded=True),
    Layout(
        "Tiingo",
        "bars",
        DAY
        | OHLCV
        | {"adj_close": "adjclose", "dividend": "divcash", "split_ratio": "splitfactor"},
        as_traded=True,
    ),
    Layout(
        "Nasdaq Data Link (Quandl WIKI, EOD)",
        "bars",
        DAY | OHLCV | {"dividend": "ex dividend", "split_ratio": "split ratio"},
        {"adj_close": "adj close"},
        as_traded=True,
    ),
    Layout(
        "Intrinio",
        "bars",
        DAY
        | OHLCV
        | {"adj_close": "adj close", "interval": "frequency"}
        | {"dividend": "dividend", "split_ratio": "split ratio"},
        as_traded=True,
    ),
    Layout(
        "a table with prices as traded and adjusted ones",
        "bars",
        DAY | OHLCV | {"adj_open": "adj open", "adj_close": "adj close"},
        as_traded=True,
    ),
    Layout(
        "Sharadar SEP",
        "bars",
        DAY | OHLCV | {"adj_close": "closeadj"},
    ),
    Layout(
        "Nasdaq.com",
        "bars",
        DAY | OHLCV | {"close": "close last"},
        order="mdy",
    ),
    Layout(
        "Investing.com",
        "bars",
        DAY | OHLCV | {"close": "price", "volume": "vol"},
    ),
    Layout(
        "Investing.com, German",
        "bars",
        {"date": "datum", "open": "eröffn", "high": "hoch", "low": "tief", "close": "zuletzt"}
        | {"volume": "vol"},
    ),
    Layout(
        "Bloomberg",
        "bars",
        DAY
        | {"open": "px open", "high": "px high", "low": "px low", "close": "px last"}
        | {"volume": "px volume"},
    ),
    Layout("Kaggle's all_stocks_5yr", "bars", DAY | OHLCV | {"ticker": "name"}),
    Layout(
        "Barchart",
        "bars",
        {"date": "time"} | OHLCV | {"close": "latest"},
        footer="Downloaded from Barchart.com",
    ),
    Layout(
        "Barchart",
        "bars",
        {"date": "time"} | OHLCV | {"close": "last"},
        footer="Downloaded from Barchart.com",
    ),
    Layout(
        "Polygon's flat files",
        "bars",
        {"date": "window start", "ticker": "ticker"} | OHLCV,
        as_traded=True,
    ),
    Layout(
        "Databento",
        "bars",
        {"date": "ts event"} | OHLCV,
        as_traded=True,
    ),
    Layout(
        "CRSP",
        "bars",
        DAY | {"open": "openprc", "high": "askhi", "low": "bidlo", "close": "prc", "volume": "vol"},
        {"price_factor": "cfacpr", "volume_factor": "cfacshr"},
        as_traded=True,
    ),
    Layout(
        "CRSP, since 2022",
        "bars",
        {"date": "dlycaldt", "open": "dlyopen", "high": "dlyhigh", "low": "dlylow"}
        | {"close": "dlyclose", "volume": "dlyvol"},
        {"price_factor": "dlycumfacpr", "volume_factor": "dlycumfacshr"},
        as_traded=True,
    ),
    Layout(
        "Compustat",
        "bars",
        {"date": "datadate", "open": "prcod", "high": "prchd", "low": "prcld", "close": "prccd"}
        | {"volume": "cshtrd"},
        {"price_factor": "ajexdi", "volume_factor": "ajexdi"},
        as_traded=True,
    ),
    Layout(
        "MetaTrader",
        "bars",
        BRACKETS | {"volume": "tickvol"},
        no_bars="its volume counts ticks, not shares; fetch the bars from another source",
    ),
    Layout(
        "Stooq's or Finam's archive",
        "bars",
        {"interval": "per"} | BRACKETS | {"volume": "vol"},
    ),
    Layout(
        "MetaStock, as text",
        "bars",
        {"interval": "per"} | BRACKETS | {"date": "dtyyyymmdd", "volume": "vol"},
    ),
    Layout("bossa.pl", "bars", BRACKETS | {"date": "dtyyyymmdd", "volume": "vol"}),
    Layout(
        "Tushare",
        "bars",
        BRACKETS | {"ticker": "ts code", "date": "trade date", "volume": "vol"},
        as_traded=True,
    ),
    Layout(
        "TradeStation, with the volume of ticks up and down",
        "bars",
        DAY | OHLC | {"volume": "up", "down": "down"},
        no_bars="its volume is in Up and Down, which intraday bars have; export daily ones",
    ),
    Layout("TradeStation, or another with Vol", "bars", DAY | OHLC | {"volume": "vol"}),
    Layout("Refinitiv Eikon", "bars", OHLCV | {"date": "exchange date"}),
    Layout(
        "Euronext",
        "bars",
        DAY | OHLC | {"volume": "number of shares"},
        order="dmy",
    ),
    Layout(
        "ariva.de",
        "bars",
        {"date": "datum", "open": "erster", "high": "hoch", "low": "tief"}
        | {"close": "schlusskurs", "volume": "stuecke"},
    ),
    Layout(
        "stooq.pl",
        "bars",
        {
            "date": "data",
            "open": "otwarcie",
            "high": "najwyzszy",
            "low": "najnizszy",
            "close": "zamkniecie",
            "volume": "wolumen",
        },
    ),
    Layout(
        "Stooq, or another with Date,Open,High,Low,Close,Volume",
        "bars",
        DAY | OHLCV,
    ),
    Layout("Sierra Chart", "bars", DAY | OHLCV | {"close": "last"}),
    Layout("TradingView, or another with time", "bars", {"date": "time"} | OHLCV),
    Layout("a table with datetime", "bars", {"date": "datetime"} | OHLCV),
)

INDICES = (
    Layout(
        "Cboe",
        "index",
        DAY | OHLC,
        exact=("DATE", "OPEN", "HIGH", "LOW", "CLOSE"),
        order="mdy",
    ),
    Layout(
        "Cboe, before 2020",
        "index",
        DAY
        | {"open": "vix open", "high": "vix high", "low": "vix low", "close": "vix close"},
        order="mdy",
    ),
    Layout("FRED", "index", {"date": "observation date", "close": ONE_VALUE}),
    Layout("H.15 of the Federal Reserve", "index", {"date": "time period", "close": ONE_VALUE}),
    Layout("the US Treasury", "index", DAY | {"close": "3 mo"}, order="mdy"),
    Layout("yields by name", "index", DAY | {"close": "dgs3mo"}),
    Layout("yields by name", "index", DAY | {"close": "dgs3mo pct"}),
    Layout("Nasdaq.com", "index", DAY | OHLC | {"close": "close last"}, order="mdy"),
    Layout("Investing.com", "index", DAY | OHLC | {"close": "price"}),
    Layout("the csv layout", "index", DAY | {"close": "close"}, OHLC),
    Layout("TradingView, or another with time", "index", {"date": "time"} | OHLC),
    Layout("stooq.pl", "index", {
        "date": "data", "open": "otwarcie", "high": "najwyzszy", "low": "najnizszy",
        "close": "zamkniecie",
    }),
    Layout(
        "Cboe or FRED, a date and one value", "index", DAY | {"close": ONE_VALUE}, exact=("DATE",),
        order="mdy",
    ),
    Layout("a date and one value", "index", DAY | {"close": ONE_VALUE}),
)  # fmt: skip
