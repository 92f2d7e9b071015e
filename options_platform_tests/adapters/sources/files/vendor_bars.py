"""Bars as vendors, libraries and spreadsheets export them."""

from options_platform_tests.adapters.sources.files.vendor_export import Export


def bar(close, volume=1_000_000.0, day="2024-07-01", **more):
    return {"date": day, "open": 100.5, "close": close, "volume": volume, **more}


AAPL = "AAPL.csv"
SPLIT = {"date": "2020-08-31", "split_ratio": 4.0}
BARS = (
    Export(
        "yfinance 0.2 and later, download(auto_adjust=False).to_csv()", "prices.csv",
        "Price,Adj Close,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL,AAPL\n"
        "Date,,,,,,\n2024-07-01,99.5,101.0,102.0,99.0,100.5,1000000\n",
        {AAPL: bar(101.0, adj_close=99.5)},
    ),
    Export(
        "yfinance, download() of its defaults", "AAPL.csv",
        "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,\n"
        "2024-07-01,101.0,102.0,99.0,100.5,1000000\n",
        "adjusted for dividends .auto_adjust.; download it with auto_adjust=False",
    ),
    Export(
        "yfinance, download(multi_level_index=False)", "AAPL.csv",
        "Date,Close,High,Low,Open,Volume\n2024-07-01,101.0,102.0,99.0,100.5,1000000\n",
        "adjusted for dividends",
    ),
    Export(
        "yfinance, download() of several tickers", "prices.csv",
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\n"
        "Ticker,AAPL,SPY,AAPL,SPY,AAPL,SPY,AAPL,SPY,AAPL,SPY\nDate,,,,,,,,,,\n"
        "2024-07-01,101,545,102,546,99,540,100.5,541,1000000,2000000\n",
        "several tickers; write one file for each",
    ),
    Export(
        "yfinance, Ticker.history().to_csv()", "AAPL.csv",
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
        "2024-07-01 00:00:00-04:00,100.5,102.0,99.0,101.0,1000000,0.0,0.0\n",
        "adjusted for dividends",
    ),
    Export(
        "yfinance, Ticker.history(auto_adjust=False).to_csv()", "AAPL.csv",
        "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n"
        "2020-08-28 00:00:00-04:00,100.5,126,123,124.8,122.5,187000000,0.0,0.0\n"
        "2020-08-31 00:00:00-04:00,127.6,131,126,129.0,126.7,225000000,0.0,4.0\n",
        {AAPL: bar(124.8, 187e6, "2020-08-28"), "AAPL_actions.csv": SPLIT},
    ),
    Export(
        "Alpha Vantage, TIME_SERIES_DAILY_ADJUSTED with datatype=csv", "daily_adjusted_AAPL.csv",
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\r\n"
        "2020-08-31,127.58,131.0,126.0,129.04,126.7,225000000,0.0000,4.0\r\n"
        "2020-08-28,402.0,505.77,498.31,499.23,122.5,46000000,0.8000,1.0\r\n",
        {
            AAPL: bar(124.8075, 184e6, "2020-08-28"),
            "AAPL_actions.csv": {"date": "2020-08-28", "dividend": 0.2, "split_ratio": 1.0},
        },
        {"ticker": "AAPL"},
    ),
    Export(
        "EODHD, /api/eod with fmt=csv", "AAPL.US.csv",
        "Date,Open,High,Low,Close,Adjusted_close,Volume\n"
        "2024-07-01,100.5,102.0,99.0,101.0,99.5,1000000\n",
        {AAPL: bar(101.0, adj_close=99.5)},
    ),
    Export(
        "Tiingo, /tiingo/daily/prices with format=csv", "AAPL.csv",
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,"
        "splitFactor\n"
        "2020-08-28,499.24,506,498,402,46000000,122.5,124,121,122,184000000,0.0,1.0\n"
        "2020-08-31,129.04,131,126,127.58,225000000,126.7,129,124,125,225000000,0.0,4.0\n",
        {AAPL: bar(124.81, 184e6, "2020-08-28"), "AAPL_actions.csv": SPLIT},
    ),
    Export(
        "Tiingo, a file whose split is not in its prices", "AAPL.csv",
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,"
        "splitFactor\n"
        "2020-08-28,124.81,126,123,124,46000000,122.5,124,121,122,184000000,0.0,1.0\n"
        "2020-08-31,129.04,131,126,127.58,225000000,126.7,129,124,125,225000000,0.0,4.0\n",
        "prices are as traded, but they do not step by the 4:1 split of 2020-08-31",
    ),
    Export(
        "Quandl, WIKI/AAPL.csv", "WIKI-AAPL.csv",
        "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Open,Adj. High,Adj. Low,"
        "Adj. Close,Adj. Volume\n"
        "2014-06-09,92.7,93.88,91.75,93.7,75415000,0.0,7.0,92.7,93.8,91.7,93.7,75415000\n"
        "2014-06-06,703.5,651.26,644.47,645.57,12497000,0.0,1.0,92.8,93,92,92.22,87484000\n",
        {
            AAPL: bar(645.57 / 7, 87_479_000.0, "2014-06-06"),
            "AAPL_actions.csv": {"date": "2014-06-09", "split_ratio": 7.0},
        },
        {"ticker": "AAPL"},
    ),
    Export(
        "Sharadar SEP, bulk export", "SHARADAR_SEP.csv",
        "ticker,date,open,high,low,close,volume,closeadj,closeunadj,lastupdated\n"
        "AAPL,2024-07-01,100.5,102.0,99.0,101.0,1000000,99.5,101.0,2024-07-02\n"
        "MSFT,2024-07-01,400.5,402.0,399.0,401.0,2000000,399.5,401.0,2024-07-02\n",
        {AAPL: bar(101.0, adj_close=99.5), "MSFT.csv": {"close": 401.0, "volume": 2e6}},
    ),
    Export(
        "Investing.com, historical data in English", "AAPL Historical Data.csv",
        '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"\n'
        '"07/13/2024","102.00","101.50","103.00","101.00","1.20M","0.99%"\n'
        '"07/01/2024","101.00","100.50","102.00","99.00","1.00M","0.37%"\n',
        {AAPL: bar(101.0)},
        {"ticker": "AAPL"},
    ),
    Export(
        "Investing.com, historical data in German", "AAPL Historische Daten.csv",
        '\ufeff"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"\n'
        '"01.07.2024","101,00","100,50","102,00","99,00","1,00M","0,37%"\n',
        {AAPL: bar(101.0)},
        {"ticker": "AAPL"},
    ),
    Export(
        "Barchart, price history download", "aapl_price-history.csv",
        "Time,Open,High,Low,Latest,Change,%Change,Volume\n"
        "2024-07-01,100.5,102,99,101,0.5,+0.50%,1000000\n"
        '"Downloaded from Barchart.com as of 07-02-2024 02:31am CDT"\n',
        {AAPL: bar(101.0)},
        {"ticker": "AAPL"},
    ),
    Export(
        "Polygon (Massive), flat files us_stocks_sip/day_aggs_v1", "2024-07-01.csv.gz",
        "ticker,volume,open,close,high,low,window_start,transactions\n"
        "AAPL,1000000,100.5,101.0,102.0,99.0,1719806400000000000,5000\n"
        "SPY,2000000,545.1,546.0,547.0,544.0,1719806400000000000,9000\n",
        {AAPL: bar(101.0), "SPY.csv": {"date": "2024-07-01", "close": 546.0}},
    ),
    Export(
        "Databento, ohlcv-1d as CSV with pretty prices", "xnas-itch.ohlcv-1d.csv",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
        "2024-07-01T00:00:00.000000000Z,35,2,38,100.5,102,99,101.0,1000000,AAPL\n",
        {AAPL: bar(101.0)},
    ),
    Export(
        "Databento, ohlcv-1d as CSV with prices in billionths", "xnas-itch.ohlcv-1d.csv",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
        "1719792000000000000,35,2,38,100500000000,102000000000,99000000000,101000000000,1,AAPL\n",
        "prices in fractions of a cent; export them as dollars",
    ),
    Export(
        "CRSP daily stock file by WRDS", "crsp.csv",
        "PERMNO,date,TICKER,CUSIP,BIDLO,ASKHI,PRC,VOL,RET,SHROUT,OPENPRC,CFACPR,CFACSHR\n"
        "14593,20200828,AAPL,03783310,498.31,505.77,499.23,46000000,-0.0016,17102536,402,4,4\n"
        "14593,20200831,AAPL,03783310,126.0,131.0,129.04,225000000,0.0339,17102536,127.58,1,1\n",
        {AAPL: bar(124.8075, 184e6, "2020-08-28")},
    ),
    Export(
        "Alpaca, alpaca-py's bars.df.to_csv()", "bars.csv",
        "symbol,timestamp,open,high,low,close,volume,trade_count,vwap\n"
        "AAPL,2024-07-01 04:00:00+00:00,100.5,102.0,99.0,101.0,1000000.0,5000.0,100.9\n",
        {AAPL: bar(101.0)},
    ),
    Export(
        "MetaTrader 5, bars of a symbol exported with tabs", "AAPL_Daily.csv",
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
        "2024.07.01\t100.5\t102\t99\t101\t4930\t0\t2\n",
        "its volume counts ticks, not shares",
    ),
    Export(
        "Stooq, archive d_us_txt.zip", "aapl.us.txt",
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "AAPL.US,D,20240701,000000,100.5,102,99,101,1000000,0\n",
        {AAPL: bar(101.0)},
    ),
    Export(
        "Finam, export of 60-minute bars", "AAPL_240701_240702.txt",
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n"
        "AAPL,60,20240701,160000,100.5,102,99,101,1000000\n",
        "bars of 60, not of days; fetch daily ones",
    ),
    Export(
        "stooq.pl, q/d/l", "aapl_us_d.csv",
        "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\r\n"
        "2024-07-01,100.5,102,99,101,1000000\r\n",
        {AAPL: bar(101.0)},
    ),
    Export(
        "TradingView, export of chart data with UNIX time", "BATS_AAPL, 1D.csv",
        "time,open,high,low,close,Volume\n1719840600,100.5,102,99,101,1000000\n",
        {AAPL: bar(101.0)},
        {"ticker": "AAPL"},
    ),
    Export(
        "Interactive Brokers, ib_insync's util.df(bars).to_csv()", "AAPL.csv",
        ",date,open,high,low,close,volume,average,barCount\n"
        "0,2024-07-01,100.5,102.0,99.0,101.0,1000000.0,100.8,5000\n",
        {AAPL: bar(101.0)},
    ),
    Export(
        "Google Sheets, GOOGLEFINANCE downloaded as CSV", "AAPL.csv",
        "Date,Open,High,Low,Close,Volume\n7/1/2024 16:00:00,100.5,102,99,101,1000000\n"
        "7/15/2024 16:00:00,101.5,103,100,102,1100000\n",
        {AAPL: bar(101.0)},
    ),
    Export(
        "The Wall Street Journal, historical prices", "HistoricalPrices.csv",
        "Date, Open, High, Low, Close, Volume\n07/15/24,101.5,103,100,102,1100000\n"
        "07/01/24,100.5,102,99,101,1000000\n",
        {AAPL: bar(101.0)},
        {"ticker": "AAPL"},
    ),
    Export(
        "MarketWatch, historical quotes", "Download Data - STOCK_US_XNAS_AAPL.csv",
        'Date,Open,High,Low,Close,Volume\n07/15/2024,"1,101.50","1,103.00","1,100.00",'
        '"1,102.00","1,100,000"\n07/01/2024,100.50,102.00,99.00,101.00,"1,000,000"\n',
        {AAPL: bar(101.0)},
        {"ticker": "AAPL"},
    ),
    Export(
        "Bloomberg, BDH pasted into a sheet and saved as CSV", "AAPL.csv",
        "Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME\n7/15/2024,101.5,103,100,102,1100000\n"
        "7/1/2024,100.5,102,99,101,1000000\n",
        {AAPL: bar(101.0)},
    ),
    Export(
        "Bloomberg, a table of several securities", "bdh.csv",
        "security,date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME,CUR_MKT_CAP\n"
        "AAPL US Equity,2024-07-01,100.5,102,99,101,1000000,2980000000000\n"
        "MSFT US Equity,2024-07-01,400.5,402,399,401,2000000,3080000000000\n",
        {AAPL: bar(101.0), "MSFT.csv": {"close": 401.0}},
    ),
    Export(
        "Excel with German settings, saved as CSV (UTF-8)", "AAPL.csv",
        "\ufeffDate;Open;High;Low;Close;Volume\r\n01.07.2024;100,5;102;99;101;1.000.000\r\n",
        {AAPL: bar(101.0)},
    ),
    Export(
        "Excel with US settings, saved as CSV: dates of both orders", "AAPL.csv",
        "Date,Open,High,Low,Close,Volume\r\n7/1/2024,100.5,102,99,101,1000000\r\n",
        "'7/1/2024' may be 2024-07-01 or 2024-01-07; write dates like",
    ),
    Export(
        "Kaggle, camnugent/sandp500 all_stocks_5yr.csv", "all_stocks_5yr.csv",
        "date,open,high,low,close,volume,Name\n2024-07-01,100.5,102,99,101,1000000,AAPL\n"
        "2024-07-01,300,302,299,301,5,AAL\n",
        {AAPL: bar(101.0), "AAL.csv": {"close": 301.0}},
    ),
    Export(
        "Kaggle, borismarjanovic's Stocks/aapl.us.txt", "aapl.us.txt",
        "Date,Open,High,Low,Close,Volume,OpenInt\n2024-07-01,100.5,102,99,101,1000000,0\n",
        {AAPL: bar(101.0)},
    ),
    Export(
        "a database's own table with a symbol", "AAPL.csv",
        "symbol,date,open,high,low,close,volume\nMSFT,2024-07-01,100.5,102,99,101,1000000\n",
        "has no rows of AAPL", {"ticker": "AAPL"},
    ),
    Export(
        "NinjaTrader, export of days", "AAPL.Last.txt", "20240701;100.5;102;99;101;1000000\n",
        "has no header: it begins '20240701,100.5,102,99,101,1000000'; write one above",
    ),
    Export(
        "QuantConnect LEAN, equity/usa/daily/aapl.zip", "aapl.csv",
        "20240701 00:00,1005000,1020000,990000,1010000,1000000\n", "has no header",
    ),
)  # fmt: skip
