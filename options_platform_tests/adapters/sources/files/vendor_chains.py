"""Option chains of vendors and libraries."""

from options_platform_tests.adapters.sources.files.vendor_export import Export

FILE = "options/SPY_2024-07-01.csv"
CALL = {"expiry": "2024-07-19", "right": "call", "strike": 545.0, "bid": 7.4, "ask": 7.5}
NAMED = {**CALL, "contract_symbol": "SPY240719C00545000"}
SESSION = {"session": "2024-07-01", "ticker": "SPY"}
DELTA = "SPY,545.34,*,SPY240719C00545000,,call,07/19/2024,07/01/2024,545,7.45,7.4,7.5,12,340"
CHAINS = (
    Export(
        "OptionsDX, spy_eod_202407.txt: a month in one file", "spy_eod_202407.txt",
        "[QUOTE_UNIXTIME], [QUOTE_READTIME], [QUOTE_DATE], [QUOTE_TIME_HOURS], [UNDERLYING_LAST], "
        "[EXPIRE_DATE], [EXPIRE_UNIX], [DTE], [C_DELTA], [C_GAMMA], [C_VEGA], [C_THETA], [C_RHO], "
        "[C_IV], [C_VOLUME], [C_LAST], [C_SIZE], [C_BID], [C_ASK], [STRIKE], [P_BID], [P_ASK], "
        "[P_SIZE], [P_LAST], [P_DELTA], [P_GAMMA], [P_VEGA], [P_THETA], [P_RHO], [P_IV], "
        "[P_VOLUME], [STRIKE_DISTANCE], [STRIKE_DISTANCE_PCT]\n"
        + "".join(
            f"1719864000, {day} 16:00, {day}, 16.000000, 545.340000, 2024-07-19, 1721419200, "
            "18.000000, 0.510000, 0.020000, 0.480000, -0.180000, 0.120000, 0.110000, 12.000000, "
            "7.450000, 10 x 12, 7.400000, 7.500000, 545.000000, 5.900000, 6.000000, 8 x 9, "
            "5.950000, -0.490000, 0.020000, 0.480000, -0.160000, -0.130000, , 7.000000, 0.340000, "
            "0.001000\n"
            for day in ("2024-07-01", "2024-07-02")
        ),
        {FILE: {**NAMED, "spot": 545.34, "source_iv": 0.11}, "options/SPY_2024-07-02.csv": NAMED},
        {"ticker": "SPY"},
    ),
    Export(
        "ORATS, near end-of-day strikes", "strikes.csv",
        "ticker,tradeDate,expirDate,dte,strike,stockPrice,callVolume,callOpenInterest,callBidSize,"
        "callAskSize,putVolume,putOpenInterest,putBidSize,putAskSize,callBidPrice,callValue,"
        "callAskPrice,putBidPrice,putValue,putAskPrice,callMidIv,putMidIv,delta\n"
        "SPY,2024-07-01,2024-07-19,19,545,545.34,12,340,1,1,7,90,1,1,7.4,7.45,7.5,5.9,5.95,6.0,"
        "0.11,0.12,0.51\n",
        {FILE: {**NAMED, "spot": 545.34, "open_interest": 340.0}},
    ),
    Export(
        "Cboe DataShop, end-of-day option quotes", "UnderlyingOptionsEODQuotes_2024-07-01.csv",
        "underlying_symbol,quote_date,root,expiration,strike,option_type,open,high,low,close,"
        "trade_volume,bid_size_1545,bid_1545,ask_size_1545,ask_1545,underlying_bid_1545,"
        "underlying_ask_1545,bid_size_eod,bid_eod,ask_size_eod,ask_eod,underlying_bid_eod,"
        "underlying_ask_eod,vwap,open_interest,delivery_code\n"
        "SPY,2024-07-01,SPY1,2024-07-19,545.000,P,0,0,0,0,0,1,7,1,8,545,546,1,5.9,1,6,545,546,0,9,\n"
        "SPY,2024-07-01,SPY,2024-07-19,545.000,C,0,0,0,0,12,1,7,1,8,545,546,1,7.4,1,7.5,545,546,0,"
        "340,\n",
        {FILE: {**NAMED, "volume": 12.0}},
    ),
    Export(
        "DeltaNeutral (historicaloptiondata.com), L3", "L3_options_20240701.csv",
        "UnderlyingSymbol,UnderlyingPrice,Exchange,OptionSymbol,OptionExt,Type,Expiration,DataDate,"
        "Strike,Last,Bid,Ask,Volume,OpenInterest,IV,Delta,Gamma,Theta,Vega,AKA\n"
        + DELTA + ",0.11,0.5,0.02,-0.18,0.48,SPY240719C00545000\n",
        {FILE: {**NAMED, "spot": 545.34, "last": 7.45}},
    ),
    Export(
        "DeltaNeutral, its older names", "options_20240701.csv",
        "underlying,underlying_last, exchange,optionroot,optionext,type,expiration,quotedate,"
        "strike,last,bid,ask,volume,openinterest,impliedvol,delta,gamma,theta,vega,optionalias\n"
        + DELTA + ",0.11,0.5,0.02,-0.18,0.48,\n",
        {FILE: {**NAMED, "open_interest": 340.0}},
    ),
    Export(
        "Alpha Vantage, HISTORICAL_OPTIONS", "options.csv",
        "contractID,symbol,expiration,strike,type,last,mark,bid,bid_size,ask,ask_size,volume,"
        "open_interest,date,implied_volatility,delta,gamma,theta,vega,rho\r\n"
        "SPY240719C00545000,SPY,2024-07-19,545.00,call,7.45,7.45,7.40,22,7.50,17,12,340,2024-07-01,"
        "0.11000,0.51,0.02,-0.18,0.48,0.1\r\n",
        {FILE: {**NAMED, "source_delta": 0.51}},
    ),
    Export(
        "DoltHub, post-no-preference/options option_chain", "option_chain.csv",
        "date,act_symbol,expiration,strike,call_put,bid,ask,vol,delta,gamma,theta,vega,rho\n"
        "2024-07-01,SPY,2024-07-19,545.00,Call,7.40,7.50,0.1100,0.51,0.02,-0.18,0.48,0.1\n",
        {FILE: {**NAMED, "source_iv": 0.11}},
    ),
    Export(
        "OptionMetrics IvyDB by WRDS, option_price", "opprcd.csv",
        "secid,date,exdate,cp_flag,strike_price,best_bid,best_offer,volume,open_interest,"
        "impl_volatility,delta,optionid,contract_size,ticker\n"
        "109820,20240701,20240719,C,545000,7.4,7.5,12,340,0.11,0.51,1,100,SPY\n",
        {FILE: {**NAMED, "multiplier": 100.0}},
    ),
    Export(
        "yfinance, option_chain(...).calls.to_csv()", "calls.csv",
        ",contractSymbol,lastTradeDate,strike,lastPrice,bid,ask,change,percentChange,volume,"
        "openInterest,impliedVolatility,inTheMoney,contractSize,currency\n"
        "0,SPY240719C00545000,2024-07-01 19:59:58+00:00,545.0,7.45,7.4,7.5,0.1,1.2,12.0,340,0.11,"
        "True,REGULAR,USD\n",
        {FILE: {**NAMED, "last_trade_at": "2024-07-01T19:59:58"}},
        SESSION,
    ),
    Export(
        "yfinance, a chain whose session nothing says", "SPY.csv",
        "contractSymbol,lastTradeDate,strike,lastPrice,bid,ask,volume,openInterest\n"
        "SPY240719C00545000,,545.0,7.45,7.4,7.5,12.0,340\n",
        "names no session; give it: --session",
    ),
    Export(
        "ThetaData v3, option/history/eod", "SPY.csv",
        "symbol,expiration,strike,right,created,last_trade,open,high,low,close,volume,count,"
        "bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition\n"
        'SPY,2024-07-19,545.000,CALL,2024-07-01T17:17:30.123,2024-07-01T15:59:00,7,8,7,7.45,12,3,'
        "1,1,7.4,50,1,1,7.5,50\n",
        {FILE: {**NAMED, "last": 7.45}},
    ),
    Export(
        "Cboe, delayed quotes of 2026", "spy_quotedata.csv",
        "\nSPDR S&P 500 ETF,Last: 545.34,Change: 1.10\n"
        '"Date: July 1, 2024 at 4:15 PM EDT",Bid: 545.3,Ask: 545.4,Size: 1*1,Volume: 1\n'
        "Expiration Date,Calls,Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest,Strike,"
        "Puts,Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest\n"
        "Fri Jul 19 2024,SPY240719C00545000,7.45,0.1,7.4,7.5,12,0.11,0.51,0.02,340,545.00,"
        "SPY240719P00545000,5.95,-0.1,5.9,6.0,7,0.12,-0.49,0.02,90\n",
        {FILE: {**NAMED, "source_iv": 0.11, "quoted_at": "2024-07-01T20:15:00"}},
        {"ticker": "SPY"},
    ),
    Export(
        "Cboe, delayed quotes until 2018", "ibm_quotedata.dat",
        "IBM (INTL BUSINESS MACHINES),185.08,-0.27,\nDec 29 2013 @ 19:06 ET,Bid,184.60,Ask,185.24\n"
        "Calls,Last Sale,Net,Bid,Ask,Vol,Open Int,Puts,Last Sale,Net,Bid,Ask,Vol,Open Int,\n"
        "13 Dec 125.00 (IBM1327L125),0.0,0.0,58.65,61.90,0,0,13 Dec 125.00 (IBM1327X125),0.0,0.0,"
        "0.0,0.01,0,0,\n",
        "the header of no known file",
    ),
    Export(
        "Barchart, option quotes of one expiry", "spy-options-exp-2024-07-19.csv",
        "Strike,Moneyness,Bid,Mid,Ask,Last,Change,%Chg,Volume,Open Int,OI Chg,IV,Delta,Type,Time\n"
        "545.00,-0.06%,7.40,7.45,7.50,7.45,+0.10,+1.20%,12,340,+3,11.00%,0.51,Call,07/01/24\n"
        '"Downloaded from Barchart.com as of 07-01-2024 05:31pm CDT"\n',
        "the header of no known file|lacks the columns",
    ),
)  # fmt: skip
