"""Indices, dividends, splits and earnings of vendors, and exports of databases."""

import io
import pickle
import sqlite3

import pandas as pd

from options_platform_tests.adapters.sources.files.vendor_export import Export


def sqlite_file() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE bars (date TEXT, close REAL)")
    return connection.serialize()


def feather_file() -> bytes:
    content = io.BytesIO()
    pd.DataFrame({"date": ["2024-07-01"], "close": [1.0]}).to_feather(content)
    return content.getvalue()


BAR = {"date": "2024-07-01", "open": 100.5, "close": 101.0, "volume": 1_000_000.0}
PLAIN = "2024-07-01{time},100.5,102,99,101,1000000\n"
DATABASES = (
    Export(
        "PostgreSQL, \\copy (select ...) to csv header, with a timestamptz",
        "AAPL.csv",
        "date,open,high,low,close,volume\n" + PLAIN.format(time=" 00:00:00+00"),
        {"AAPL.csv": BAR},
    ),
    Export(
        "BigQuery, bq extract of a TIMESTAMP",
        "AAPL.csv.gz",
        "date,open,high,low,close,volume\n" + PLAIN.format(time=" 00:00:00 UTC"),
        {"AAPL.csv": BAR},
    ),
    Export(
        "ClickHouse, FORMAT CSVWithNames",
        "AAPL.csv",
        '"date","open","high","low","close","volume"\n"2024-07-01",100.5,102,99,101,1000000\n',
        {"AAPL.csv": BAR},
    ),
    Export(
        "QuestDB, /exp",
        "AAPL.csv",
        '"timestamp","open","high","low","close","volume"\r\n'
        '"2024-07-01T00:00:00.000000Z",100.5,102,99,101,1000000\r\n',
        {"AAPL.csv": BAR},
    ),
    Export(
        "kdb+, csv 0: t",
        "AAPL.csv",
        "date,open,high,low,close,volume\n2024.07.01,100.5,102,99,101,1000000\n",
        {"AAPL.csv": BAR},
    ),
    Export(
        "MySQL Workbench, with NULL and a date and time",
        "AAPL.csv",
        "date;open;high;low;close;adj_close;volume\n"
        "2024-07-01 00:00:00;100.5;102;99;101;NULL;1000000\n",
        {"AAPL.csv": {**BAR, "adj_close": None}},
    ),
    Export(
        "MySQL, mysqldump",
        "bars.sql.csv",
        "-- MySQL dump 10.13\nINSERT INTO `bars` VALUES ('2024-07-01',100.5,102,99,101,1000000);\n",
        "an SQL dump; export the table as CSV",
    ),
    Export(
        "PostgreSQL, pg_dump",
        "AAPL.csv",
        "COPY public.bars (date, open) FROM stdin;\n2024-07-01\t100.5\n\\.\n",
        "an SQL dump",
    ),
    Export(
        "psql, an aligned table",
        "AAPL.csv",
        "    date    | open  | high | low | close | volume\n"
        "------------+-------+------+-----+-------+---------\n"
        " 2024-07-01 | 100.5 |  102 |  99 |   101 | 1000000\n(1 row)\n",
        "line 2 holds .* in place of 6 fields; remove it",
    ),
    Export("SQLite, the database itself", "AAPL.csv", sqlite_file(), "an SQLite database"),
    Export("pandas, to_pickle", "AAPL.csv", pickle.dumps(pd.DataFrame({"a": [1]}), 5), "a Python"),
    Export("pandas, to_feather", "AAPL.parquet", feather_file(), r"an Arrow \(Feather\) file"),
    Export(
        "InfluxDB, annotated CSV",
        "AAPL.csv",
        "#group,false,false,true\n#datatype,string,long,double\n#default,_result,,\n"
        ",result,table,_value\n,,0,101.0\n",
        "the header of no known file; docs/file-layouts.md",
    ),
)
ROWS_OF_FRED = "2024-07-01,12.22,5.23\n2024-07-02,.,5.24\n"
INDICES = (
    Export(
        "Cboe, vixcurrent.csv (until 2020)", "VIX.csv",
        "Cboe Volatility Index: VIX data are for informational purposes only,,,,\n\n"
        "Date,VIX Open,VIX High,VIX Low,VIX Close\n1/2/2004,17.96,18.68,17.54,18.22\n",
        {"VIX.csv": {"date": "2004-01-02", "open": 17.96, "close": 18.22}},
    ),
    Export(
        "GitHub datasets/finance-vix, vix-daily.csv", "vix-daily.csv",
        "DATE,OPEN,HIGH,LOW,CLOSE\n2004-01-02,17.96,18.68,17.54,18.22\n",
        {"VIX.csv": {"date": "2004-01-02", "close": 18.22}},
        {"ticker": "VIX"},
    ),
    Export(
        "US Treasury, daily-treasury-rates.csv", "daily-treasury-rates.csv",
        'Date,"1 Mo","2 Mo","3 Mo","4 Mo","6 Mo"\n07/03/2024,5.47,5.50,5.48,5.44,5.31\n',
        {"DGS3MO.csv": {"date": "2024-07-03", "close": 5.48}},
        {"ticker": "DGS3MO"},
    ),
    Export(
        "US Treasury, daily-treasury-rates.csv taken for the VIX", "VIX.csv",
        'Date,"1 Mo","2 Mo","3 Mo","4 Mo","6 Mo"\n07/03/2024,5.47,5.50,5.48,5.44,5.31\n',
        "gives 3 MO, not VIX",
    ),
    Export(
        "FRED, fredgraph.csv of two series", "fredgraph.csv",
        "observation_date,VIXCLS,DGS3MO\n" + ROWS_OF_FRED, "the header of no known file",
    ),
    Export(
        "Yahoo by yfinance, an index with auto_adjust", "VIX.csv",
        "Price,Close,High,Low,Open,Volume\nTicker,^VIX,^VIX,^VIX,^VIX,^VIX\nDate,,,,,\n"
        "2024-07-01,12.22,12.9,12.1,12.6,0\n",
        {"VIX.csv": {"date": "2024-07-01", "close": 12.22}},
    ),
)  # fmt: skip
SPLIT, DIVIDEND = (
    {"date": "2020-08-31", "split_ratio": 4.0},
    {"date": "2020-08-07", "dividend": 0.82},
)
BOTH = {"AAPL_actions.csv": DIVIDEND}
NONE = {"no_splits": True}
ACTIONS = (
    Export(
        "Yahoo's site, dividends and splits", "AAPL_dividends.csv",
        "Date,Dividends\n2020-08-07,0.82\n", {"AAPL_actions.csv": SPLIT},
        beside=(Export("", "AAPL_splits.csv", "Date,Stock Splits\n2020-08-31,4:1\n", ""),),
    ),
    Export(
        "EODHD, /api/div and /api/splits", "AAPL.US_dividends.csv",
        "Date,Dividends\n2020-08-07,0.82\n", {"AAPL_actions.csv": SPLIT}, {"ticker": "AAPL"},
        (Export("", "s.csv", "Date,Stock Splits\n2020-08-31,4.000000/1.000000\n", ""),),
    ),
    Export(
        "Alpha Vantage, DIVIDENDS and SPLITS", "AAPL_dividends.csv",
        "ex_dividend_date,declaration_date,record_date,payment_date,amount\r\n"
        "2020-08-07,2020-07-30,2020-08-10,2020-08-13,0.82\r\n",
        {"AAPL_actions.csv": SPLIT},
        beside=(
            Export("", "AAPL_splits.csv", "effective_date,split_factor\r\n2020-08-31,4.0\r\n", ""),
        ),
    ),
    Export(
        "Polygon, v3/reference/splits", "splits.csv",
        "execution_date,id,split_from,split_to,ticker\n2020-08-31,E3,1,4,AAPL\n",
        {"AAPL_actions.csv": SPLIT}, {"no_dividends": True},
    ),
    Export(
        "Polygon, v3/reference/dividends", "AAPL_dividends.csv",
        "cash_amount,declaration_date,ex_dividend_date,frequency,pay_date,record_date,ticker\n"
        "0.82,2020-07-30,2020-08-07,4,2020-08-13,2020-08-10,AAPL\n",
        BOTH, NONE,
    ),
    Export(
        "Nasdaq.com, dividend history", "AAPL_dividends.csv",
        "Ex/EFF DATE,TYPE,CASH AMOUNT,DECLARATION DATE,RECORD DATE,PAYMENT DATE\n"
        "08/07/2020,CASH,$0.82,07/30/2020,08/10/2020,08/13/2020\n",
        BOTH, NONE,
    ),
    Export(
        "yfinance, Ticker.actions.to_csv()", "AAPL_actions.csv",
        "Date,Dividends,Stock Splits\n2020-08-07 00:00:00-04:00,0.82,0.0\n"
        "2020-08-31 00:00:00-04:00,0.0,4.0\n",
        {"AAPL_actions.csv": SPLIT},
    ),
    Export(
        "Yahoo's site, dividends alone", "AAPL_dividends.csv", "Date,Dividends\n2020-08-07,0.82\n",
        "has no splits of AAPL; import the file of its splits with it",
    ),
)  # fmt: skip
REPORT = {"date": "2024-08-01", "timing": "after_close"}
EARNINGS = (
    Export(
        "Alpha Vantage, EARNINGS_CALENDAR", "earnings_calendar.csv",
        "symbol,name,reportDate,fiscalDateEnding,estimate,currency,timeOfTheDay\r\n"
        "AAPL,Apple Inc,2024-08-01,2024-06-30,1.35,USD,post-market\r\n"
        "MSFT,Microsoft,2024-07-30,2024-06-30,2.9,USD,\r\n",
        {"AAPL_earnings.csv": {**REPORT, "eps_estimate": 1.35}, "MSFT_earnings.csv": {}},
    ),
    Export(
        "yfinance, Ticker.get_earnings_dates().to_csv()", "AAPL.csv",
        "Earnings Date,EPS Estimate,Reported EPS,Surprise(%)\n"
        "2024-10-31 16:30:00-04:00,1.6,,\n2024-08-01 16:30:00-04:00,1.35,1.4,0.04\n",
        {"AAPL_earnings.csv": {**REPORT, "eps_reported": 1.4}},
    ),
    Export(
        "DoltHub, post-no-preference/earnings earnings_calendar", "earnings.csv",
        "act_symbol,date,when\nAAPL,2024-08-01,After market close\nF,2024-07-24,\n",
        {"AAPL_earnings.csv": REPORT, "F_earnings.csv": {"date": "2024-07-24", "timing": None}},
    ),
    Export(
        "EODHD, calendar/earnings with fmt=csv", "calendar.csv",
        "Code,Report_Date,Date,Before_After_Market,Currency,Actual,Estimate,Difference,Percent\n"
        "AAPL.US,2024-08-01,2024-06-30,AfterMarket,USD,1.4,1.35,0.05,3.7\n",
        {"AAPL_earnings.csv": {**REPORT, "eps_reported": 1.4}},
    ),
    Export(
        "Financial Modeling Prep, historical earning calendar", "AAPL.csv",
        "date,symbol,eps,epsEstimated,time,revenue,revenueEstimated,fiscalDateEnding\n"
        "2024-08-01,AAPL,1.4,1.35,amc,85777000000,84530000000,2024-06-30\n",
        {"AAPL_earnings.csv": {**REPORT, "eps_estimate": 1.35}},
    ),
    Export(
        "Nasdaq.com, earnings calendar of one day", "earnings.csv",
        "Time,Symbol,Company Name,Market Cap,Fiscal Quarter Ending,Consensus EPS* Forecast\n"
        "time-after-hours,AAPL,Apple Inc.,\"$3,000,000\",Jun/2024,$1.35\n",
        "the header of no known file|lacks the columns date",
    ),
)  # fmt: skip
