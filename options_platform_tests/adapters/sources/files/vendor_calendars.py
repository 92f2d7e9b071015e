"""Dividends, splits, earnings and chains of further vendors."""

from options_platform_tests.adapters.sources.files.vendor_chains import CALL, FILE, NAMED, SESSION
from options_platform_tests.adapters.sources.files.vendor_events import BOTH, NONE, REPORT, SPLIT
from options_platform_tests.adapters.sources.files.vendor_export import Export

NO_DIVIDENDS = {"no_dividends": True}
ADJUSTED = {"AAPL_actions.csv": {"date": "2020-08-07", "dividend": 0.205}}
SPLIT_FILE = (
    "execution_date,id,split_from,split_to,ticker\n2020-08-31,E3,1,4,AAPL\n"
)  # fmt: skip
BESIDE = (Export("", "splits.csv", SPLIT_FILE, ""),)
ACTIONS = (
    Export(
        "Polygon, dividends as paid with a later split", "AAPL_dividends.csv",
        "cash_amount,declaration_date,ex_dividend_date,frequency,pay_date,record_date,ticker\n"
        "0.82,2020-07-30,2020-08-07,4,2020-08-13,2020-08-10,AAPL\n",
        ADJUSTED, beside=BESIDE,
    ),
    Export(
        "Nasdaq.com, dividends as paid with a later split", "AAPL_dividends.csv",
        "Ex/EFF DATE,TYPE,CASH AMOUNT,DECLARATION DATE,RECORD DATE,PAYMENT DATE\n"
        "08/07/2020,CASH,$0.82,07/30/2020,08/10/2020,08/13/2020\n",
        ADJUSTED, beside=BESIDE,
    ),
    Export(
        "Tiingo, distributions and splits", "distributions.csv",
        "permaTicker,ticker,exDate,paymentDate,recordDate,declarationDate,distribution,"
        "distributionFreq\nUS000000000038,AAPL,2020-08-07T00:00:00.000Z,,,,0.82,q\n",
        ADJUSTED,
        beside=(
            Export(
                "", "splits.csv",
                "permaTicker,ticker,exDate,splitFrom,splitTo,splitFactor,splitStatus\n"
                "US000000000038,AAPL,2020-08-31T00:00:00.000Z,1.0,4.0,4.0,a\n", "",
            ),
        ),
    ),
    Export(
        "DividendHistory.org", "AAPL_dividends.csv",
        "Ex-Dividend Date,Payout Date,Cash Amount,% Change\n2020-08-07,2020-08-13,$0.205,\n",
        ADJUSTED, beside=BESIDE,
    ),
    Export(
        "Investing.com, dividends", "AAPL_dividends.csv",
        '"Ex-Dividend Date","Dividend","Type","Payment Date","Yield"\n'
        '"Aug 07, 2020","0.205","Trailing Twelve Months","Aug 13, 2020","0.74%"\n',
        ADJUSTED, beside=BESIDE,
    ),
    Export(
        "Financial Modeling Prep, stock_dividend", "AAPL_dividends.csv",
        "date,label,adjDividend,dividend,recordDate,paymentDate,declarationDate\n"
        '2020-08-07,"August 07, 20",0.205,0.82,2020-08-10,2020-08-13,2020-07-30\n',
        ADJUSTED, beside=BESIDE,
    ),
    Export(
        "Financial Modeling Prep, stock_split", "AAPL_splits.csv",
        'date,label,numerator,denominator\n2020-08-31,"August 31, 20",4,1\n',
        {"AAPL_actions.csv": SPLIT}, NO_DIVIDENDS,
    ),
    Export(
        "Twelve Data, splits: its ratio is upside down", "AAPL_splits.csv",
        "date;description;ratio;from_factor;to_factor\n2020-08-31;4-for-1 split;0.25;4;1\n",
        {"AAPL_actions.csv": SPLIT}, NO_DIVIDENDS,
    ),
    Export(
        "Twelve Data, dividends", "AAPL_dividends.csv", "ex_date;amount\n2020-08-07;0.82\n",
        BOTH, NONE,
    ),
    Export(
        "a sheet of splits", "AAPL_splits.csv", "Date,Split\n2020-08-31,4:1\n",
        {"AAPL_actions.csv": SPLIT}, NO_DIVIDENDS,
    ),
    Export(
        "a sheet of dividends", "AAPL_dividends.csv", "Date,Dividend\n2020-08-07,0.82\n",
        BOTH, NONE,
    ),
    Export(
        "Sharadar ACTIONS, kinds of actions as rows", "SHARADAR_ACTIONS.csv",
        "date,action,ticker,name,value,contraticker,contraname\n"
        "2020-08-31,split,AAPL,APPLE INC,4,,\n",
        "the header of no known file",
    ),
)  # fmt: skip
EARNINGS = (
    Export(
        "Zacks, earnings of the detailed calendar", "AAPL_earnings.csv",
        '"Date","Period Ending","Estimate","Reported","Surprise","% Surp","Time"\n'
        '"8/1/2024","6/2024","$1.34","$1.40","+0.06","+4.48%","After Close"\n'
        '"2/1/2024","12/2023","$2.09","$2.18","+0.09","+4.31%","--"\n',
        {"AAPL_earnings.csv": {**REPORT, "eps_estimate": 1.34, "eps_reported": 1.4}},
    ),
    Export(
        "MarketBeat, earnings history", "AAPL_earnings.csv",
        "Date,Quarter,Consensus Estimate,Reported EPS,Beat/Miss,GAAP EPS,Revenue Estimate\n"
        "8/1/2024,Q3 2024,$1.34,$1.40,$0.06,$1.40,$84.37 billion\n",
        {"AAPL_earnings.csv": {"date": "2024-08-01", "eps_reported": 1.4, "timing": None}},
    ),
    Export(
        "Investing.com, earnings", "AAPL_earnings.csv",
        '"Release Date","Period End","EPS","Forecast","Revenue","Forecast"\n'
        '"Aug 01, 2024","06/2024","1.40","1.34","85.78B","84.46B"\n',
        {"AAPL_earnings.csv": {"date": "2024-08-01", "eps_reported": 1.4}},
    ),
    Export(
        "Finnhub, calendar/earnings by pandas", "earnings.csv",
        "date,epsActual,epsEstimate,hour,quarter,revenueActual,revenueEstimate,symbol,year\n"
        "2024-08-01,1.4,1.35,amc,3,85777000000,84370000000,AAPL,2024\n"
        "2024-08-02,1.0,1.1,dmh,3,1,1,XOM,2024\n2024-08-02,1.0,1.1,,3,1,1,CVX,2024\n",
        {
            "AAPL_earnings.csv": REPORT,
            "XOM_earnings.csv": {"date": "2024-08-02", "timing": None},
            "CVX_earnings.csv": {"date": "2024-08-02", "timing": None},
        },
    ),
    Export(
        "Benzinga, calendar of earnings", "earnings.csv",
        "date,date_confirmed,time,ticker,exchange,name,period,period_year,eps,eps_est,revenue\n"
        "2024-08-01,1,16:30:00,AAPL,NASDAQ,Apple,Q3,2024,1.40,1.35,1\n"
        "2024-08-02,1,07:00:00,XOM,NYSE,Exxon,Q2,2024,2.14,2.01,1\n"
        "2024-08-02,1,00:00:00,CVX,NYSE,Chevron,Q2,2024,2.55,2.93,1\n",
        {
            "AAPL_earnings.csv": {**REPORT, "eps_reported": 1.4},
            "XOM_earnings.csv": {"timing": "before_open"},
            "CVX_earnings.csv": {"timing": None},
        },
    ),
    Export(
        "I/B/E/S by WRDS, actuals", "ibes.csv",
        "TICKER,OFTIC,PENDS,PDICITY,ANNDATS,ANNTIMS,VALUE\n"
        "AAPL,AAPL,2024-06-30,QTR,2024-08-01,16:30:00,1.40\n",
        {"AAPL_earnings.csv": {**REPORT, "eps_reported": 1.4}},
    ),
)  # fmt: skip
CHAINS = (
    Export(
        "IVolatility, options with padded symbols", "chains.csv",
        "symbol,exchange,company name,date,stock price,option symbol,expiration,strike,call/put,"
        "style,bid,ask,mean price,settlement,iv,volume,open interest,delta,vega,gamma,theta,rho\n"
        "SPY,NYSEArca,SPDR S&P 500,07/01/2024,545.34,SPY   240719C00545000,07/19/2024,545,C,A,"
        "7.4,7.5,7.45,,0.11,12,340,0.51,0.4,0.02,-0.15,0.1\n",
        {FILE: {**CALL, "spot": 545.34, "source_iv": 0.11, "open_interest": 340.0}},
    ),
    Export(
        "Market Data (marketdata.app), chain with the time of each quote", "chain.csv",
        "optionSymbol,underlying,expiration,side,strike,firstTraded,dte,updated,bid,bidSize,mid,"
        "ask,askSize,last,openInterest,volume,inTheMoney,intrinsicValue,extrinsicValue,"
        "underlyingPrice,iv,delta,gamma,theta,vega\n"
        "SPY240719C00545000,SPY,1721419200,call,545,1710000000,18,1719855000,7.4,10,7.45,7.5,12,"
        "7.45,340,12,true,0.34,5.8,545.34,0.11,0.51,0.02,-0.15,0.4\n",
        {FILE: {**NAMED, "quoted_at": "2024-07-01T17:30", "spot": 545.34}},
    ),
    Export(
        "EODHD, options of the marketplace", "options.csv",
        "contract,underlying_symbol,exp_date,expiration_type,type,strike,last,bid,bid_date,ask,"
        "ask_date,volume,open_interest,volatility,delta,gamma,theta,vega,tradetime,dte\n"
        "SPY240719C00545000,SPY,2024-07-19,monthly,call,545,7.45,7.4,2024-07-01 15:59:59,7.5,"
        "2024-07-01 15:59:58,12,340,0.11,0.51,0.02,-0.15,0.4,2024-07-01,18\n",
        {FILE: {**NAMED, "source_iv": 0.11, "source_delta": 0.51}},
    ),
    Export(
        "Discount Option Data, a day", "SPY_2024.csv",
        "Symbol,ExpirationDate,AskPrice,AskSize,BidPrice,BidSize,LastPrice,PutCall,StrikePrice,"
        "Volume,ImpliedVolatility,Delta,Gamma,Vega,Rho,OpenInterest,UnderlyingPrice,DataDate\n"
        "SPY,2024-07-19,7.5,,7.4,,7.45,call,545,12,0.11,0.51,0.02,0.4,,340,545.34,2024-07-01\n",
        {FILE: {**CALL, "spot": 545.34, "source_delta": 0.51}},
    ),
    Export(
        "Tradier, markets/options/chains by pandas", "chain.csv",
        ",symbol,description,exch,type,last,change,volume,open,high,low,close,bid,ask,underlying,"
        "strike,open_interest,contract_size,expiration_date,expiration_type,option_type,"
        "root_symbol\n0,SPY240719C00545000,SPY Jul 19 2024 $545.00 Call,Z,option,7.45,0.1,12,6,"
        "7.6,5.9,,7.4,7.5,SPY,545.0,340,100,2024-07-19,standard,call,SPY\n",
        {FILE: {**NAMED, "multiplier": 100.0}}, SESSION,
    ),
    Export(
        "OpenBB, derivatives.options.chains", "chain.csv",
        "underlying_symbol,underlying_price,contract_symbol,eod_date,expiration,dte,strike,"
        "option_type,open_interest,volume,last_trade_price,bid,ask,implied_volatility,delta\n"
        "SPY,545.34,SPY240719C00545000,2024-07-01,2024-07-19,18,545,call,340,12,7.45,7.4,7.5,"
        "0.11,0.51\n",
        {FILE: {**NAMED, "spot": 545.34}},
    ),
    Export(
        "Polygon (Massive), flat files us_options_opra/day_aggs_v1", "2024-07-01.csv.gz",
        "ticker,volume,open,close,high,low,window_start,transactions\n"
        "O:SPY240719C00545000,120,5.1,5.3,5.6,5.0,1719806400000000000,33\n",
        "holds 'O:SPY240719C00545000', an option: these are bars of contracts",
    ),
    Export(
        "Cboe DataShop, quotes of intervals", "UnderlyingOptionsIntervalsQuotes.csv",
        "underlying_symbol,quote_datetime,root,expiration,strike,option_type,open,high,low,close,"
        "trade_volume,bid_size,bid,ask_size,ask,underlying_bid,underlying_ask\n"
        "SPY,2024-07-01 10:30:00,SPY,2024-07-19,545,C,0,0,0,0,0,10,6.1,12,6.2,545.3,545.4\n",
        "the header of no known file",
    ),
)  # fmt: skip
