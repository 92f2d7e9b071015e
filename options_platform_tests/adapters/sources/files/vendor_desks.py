"""Bars of charting programs, trading desks, exchanges and research databases."""

from options_platform_tests.adapters.sources.files.vendor_export import Export

JULY = {"date": "2024-07-01", "open": 100.5, "high": 102.0, "low": 99.0, "close": 101.0}
BAR = {"AAPL.csv": {**JULY, "volume": 1_000_000.0}}
APPLE = {"ticker": "AAPL"}
ROW = "100.5,102,99,101,1000000"
SIERRA = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n"
MACROTRENDS = (
    '"MacroTrends Data Download"\n"AAPL - Historical Price and Volume Data"\n"{}"\n\n'
    "\"Disclaimer and Terms of Use: Historical stock data is provided 'as is' and solely for "
    'informational purposes."\n\n\ndate,open,high,low,close,volume\n2024-07-01,' + ROW + "\n"
)
BARS = (
    Export(
        "Twelve Data, time_series with format=CSV", "AAPL.csv",
        "datetime;open;high;low;close;volume\n2024-07-02;101.25;103.5;100.75;102.5;1100000\n"
        "2024-07-01;100.5;102;99;101;1000000\n",
        BAR,
    ),
    Export(
        "Financial Modeling Prep, historical-price-full with datatype=csv", "AAPL.csv",
        "date,open,high,low,close,adjClose,volume,unadjustedVolume,change,changePercent,vwap,"
        'label,changeOverTime\n2024-07-01,100.5,102,99,101,100.2,1000000,1000000,.5,.49,100.7,'
        '"July 01, 24",0.0049\n',
        BAR,
    ),
    Export(
        "IEX, chart of version 1 with format=csv", "AAPL.csv",
        "date,open,high,low,close,volume,unadjustedVolume,change,changePercent,vwap,label,"
        f'changeOverTime\n2024-07-01,{ROW},1000000,.5,.49,100.7,"Jul 1, 24",0\n',
        BAR,
    ),
    Export(
        "Intrinio, historical stock prices: as traded, with factors", "AAPL.csv",
        "date,intraperiod,frequency,open,high,low,close,volume,adj_open,adj_high,adj_low,"
        "adj_close,adj_volume,factor,split_ratio,dividend\n"
        "2020-08-31,false,daily,127.58,131,126,129.04,225702700,124,127,122,125,225702700,4,4,0\n"
        "2020-08-28,false,daily,504.05,505.77,498.31,499.23,46907479,122,123,121,121,187629916,"
        "1,1,0\n",
        {
            "AAPL.csv": {"date": "2020-08-28", "close": 124.8075, "volume": 187_629_916.0},
            "AAPL_actions.csv": {"date": "2020-08-31", "split_ratio": 4.0},
        },
    ),
    Export(
        "Intrinio, weekly prices", "AAPL.csv",
        "date,intraperiod,frequency,open,high,low,close,volume,adj_close,split_ratio,dividend\n"
        f"2024-07-05,false,weekly,{ROW},100,1,0\n",
        "holds bars of weekly, not of days",
    ),
    Export(
        "a database of prices as traded and adjusted side by side", "AAPL.csv",
        "date,open,high,low,close,volume,adj_open,adj_high,adj_low,adj_close,adj_volume\n"
        f"2024-07-01,{ROW},99.5,101,98,100,1000000\n",
        BAR,
    ),
    Export(
        "Macrotrends, prices adjusted for dividends", "AAPL.csv",
        MACROTRENDS.format("Historical prices are adjusted for both splits and dividends"),
        "its prices are adjusted for dividends too; fetch prices adjusted only for splits",
    ),
    Export(
        "Macrotrends, prices adjusted for splits", "AAPL.csv",
        MACROTRENDS.format("Note: Historical prices are adjusted for stock splits."), BAR,
    ),
    Export(
        "SimFin, us-shareprices-daily.csv", "us-shareprices-daily.csv",
        "Ticker;SimFinId;Date;Open;High;Low;Close;Adj. Close;Volume;Dividend;Shares Outstanding\n"
        "AAPL;111052;2024-07-01;100.5;102;99;101;100.2;1000000;;15334082000\n",
        BAR,
    ),
    Export(
        "EODData, an exchange's day with header", "NASDAQ_20240701.csv",
        f"Symbol,Date,Open,High,Low,Close,Volume\nAAPL,01-Jul-2024,{ROW}\n", BAR,
    ),
    Export(
        "EODData, an exchange's day without header", "NASDAQ_20240701.txt",
        f"AAPL,20240701,{ROW}\n", "has no header: it begins 'AAPL,20240701",
    ),
    Export(
        "FirstRate Data, days without header", "AAPL_full_1day_UNADJUSTED.txt",
        f"2024-07-01,{ROW}\n", "has no header",
    ),
    Export("Kibot, days without header", "AAPL.txt", f"07/01/2024,{ROW}\n", "has no header"),
    Export(
        "MetaStock, ASCII of its converter", "AAPL.txt",
        "<TICKER>,<PER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        f"AAPL,D,20240701,000000,{ROW},0\n",
        BAR,
    ),
    Export(
        "bossa.pl, a file of mstall.zip", "AAPL.mst",
        f"<TICKER>,<DTYYYYMMDD>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\nAAPL,20240701,{ROW}\n", BAR,
    ),
    Export(
        "TradeStation, data window of days", "AAPL.txt",
        '"Date","Time","Open","High","Low","Close","Vol","OI"\n'
        f"07/01/2024,16:00,{ROW},0\n07/15/2024,16:00,{ROW},0\n",
        BAR,
    ),
    Export(
        "TradeStation, data window with ticks up and down", "AAPL.txt",
        '"Date","Time","Open","High","Low","Close","Up","Down"\n'
        "07/01/2024,16:00,100.5,102,99,101,600000,400000\n",
        "its volume is in Up and Down",
    ),
    Export(
        "MultiCharts, minutes with a column of times", "AAPL.txt",
        f'"Date","Time","Open","High","Low","Close","Volume"\n07/15/2024,09:31,{ROW}\n'
        f"07/15/2024,09:32,{ROW}\n",
        "holds several bars a day; fetch daily ones",
    ),
    Export(
        "Sierra Chart, bar data of days", "AAPL.csv",
        SIERRA + "2024/7/1, 00:00:00, 100.5, 102, 99, 101, 1000000, 9, 5, 4\n", BAR,
    ),
    Export(
        "Sierra Chart, bar data of minutes", "AAPL.csv",
        SIERRA + "2024/7/1, 09:30:00, 100.5, 102, 99, 101, 100, 9, 5, 4\n"
        "2024/7/1, 09:31:00, 100.5, 102, 99, 101, 100, 9, 5, 4\n",
        "holds several bars a day",
    ),
    Export(
        "TradingView, minutes with UNIX time", "BATS_AAPL, 1.csv",
        f"time,open,high,low,close,Volume\n1719840600,{ROW}\n1719840660,{ROW}\n",
        "holds several bars a day", {"ticker": "AAPL"},
    ),
    Export(
        "Yahoo's page of historical prices, pasted", "AAPL.csv",
        "Date\tOpen\tHigh\tLow\tClose\tAdj Close\tVolume\n"
        "Aug 13, 2024\t219.01\t221.89\t219.01\t221.27\t220.39\t44,155,300\n"
        "Aug 12, 2024\t0.25 Dividend\n"
        "Aug 12, 2024\t216.07\t219.51\t215.60\t217.53\t216.66\t38,028,100\n",
        "line 3 holds 'Aug 12, 2024 0.25 Dividend' in place of 7 fields; remove it",
    ),
    Export(
        "Refinitiv Eikon, price history saved as CSV", "AAPL.csv",
        "Apple Inc,,,,,,,,,\n\n"
        "Exchange Date,Close,Net,%Chg,Open,Low,High,Volume,Turnover - USD,Flow\n"
        "01-Jul-2024,101,0.5,0.0049,100.5,99,102,1000000,101000000,5\n",
        BAR,
    ),
    Export(
        "Euronext, historical data with days first", "AF.csv",
        '\ufeff"Historical Data"\n"From 2024-07-01 to 2024-07-02"\nFR0000031122\n'
        'Date;Open;High;Low;Last;Close;"Number of Shares";"Number of Trades";Turnover;vwap\n'
        "02/07/2024;100.5;102;99;101;101;900000;5000;101000000;100.7\n"
        "01/07/2024;100.5;102;99;101;101;1000000;5000;101000000;100.7\n",
        {"AF.csv": BAR["AAPL.csv"]},
    ),
    Export(
        "ariva.de, historical prices", "wkn_865985_historic.csv",
        "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen\n"
        "2024-07-01;100,5;102;99;101;1.000.000;101.000.000\n",
        BAR, APPLE,
    ),
    Export(
        "CRSP by WRDS, dsf_v2 (since 2022)", "dsf_v2.csv",
        "PERMNO,DlyCalDt,Ticker,DlyPrc,DlyVol,DlyOpen,DlyHigh,DlyLow,DlyClose,DlyCumFacPr,"
        "DlyCumFacShr\n14593,2024-07-01,AAPL,404,250000,402,408,396,404,4,4\n",
        BAR,
    ),
    Export(
        "Compustat by WRDS, security daily", "secd.csv",
        "gvkey,iid,datadate,tic,ajexdi,cshtrd,prccd,prchd,prcld,prcod\n"
        "001690,01,2024-07-01,AAPL,4,250000,404,408,396,402\n",
        BAR,
    ),
    Export(
        "Tushare, us_daily by pandas", "AAPL.csv",
        ",ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount\n"
        "0,AAPL,20240701,100.5,102,99,101,100,1,1,1000000,101000000\n",
        BAR,
    ),
    Export(
        "AKShare, Chinese names", "AAPL.csv",
        "日期,开盘,收盘,最高,最低,成交量\n2024-07-01,100.5,101,102,99,1000000\n",
        "the header of no known file",
    ),
    Export(
        "Dukascopy, candles of a contract for difference", "AAPL.csv",
        "Gmt time,Open,High,Low,Close,Volume\n01.07.2024 00:00:00.000,100.5,102,99,101,10.5\n",
        "the header of no known file",
    ),
    Export(
        "Excel, a CSV that names its separator", "AAPL.csv",
        "sep=;\nDate;Open;High;Low;Close;Volume\n01.07.2024;100,5;102;99;101;1000000\n", BAR,
    ),
    Export(
        "Investing.com, an index without volume", "CBOE Volatility Index Historical Data.csv",
        '"Date","Price","Open","High","Low","Vol.","Change %"\n'
        '"07/15/2024","101","100.5","102","99","","5.34%"\n',
        {"VIX.csv": {**JULY, "date": "2024-07-15", "volume": None}}, {"ticker": "VIX"},
    ),
    Export(
        "Federal Reserve, H.15 by its Data Download Program", "DGS3MO.csv",
        '"Series Description","Market yield on U.S. Treasury securities at 3-month"\n'
        '"Unit:","Percent:_Per_Year"\n"Multiplier:","1"\n"Currency:","NA"\n'
        '"Unique Identifier: ","H15/H15/RIFLGFCM03_N.B"\n"Time Period","RIFLGFCM03_N.B"\n'
        "2024-07-03,5.48\n2024-07-04,ND\n",
        {"DGS3MO.csv": {"date": "2024-07-03", "close": 5.48}},
    ),
    Export(
        "Federal Reserve, H.15 of ten years under the name of three months", "DGS3MO.csv",
        '"Time Period","RIFLGFCY10_N.B"\n2024-07-03,4.48\n',
        "gives RIFLGFCY10 N B, not DGS3MO",
    ),
)  # fmt: skip
