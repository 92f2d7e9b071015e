-- One row per date and ticker but SPY with 60 whole sessions: slope (`beta_60`) and correlation of
-- its last 60 log returns on those of SPY, and the annualised volatility that the slope leaves
-- (`idio_vol_60`, a fraction).
WITH paired AS (
    SELECT
        own.date,
        own.ticker,
        own.session_no,
        own.log_return AS own_return,
        market.log_return AS market_return
    FROM marts.session_returns AS own
    INNER JOIN marts.session_returns AS market ON own.date = market.date AND market.ticker = 'SPY'
    WHERE
        own.ticker <> 'SPY'
        AND own.log_return IS NOT NULL
        AND market.log_return IS NOT NULL
),

sums AS (
    SELECT
        date,
        ticker,
        count(*) OVER last_60 AS sessions,
        59 * var_samp(market_return) OVER last_60 AS market_squares,
        59 * var_samp(own_return) OVER last_60 AS own_squares,
        59 * covar_samp(own_return, market_return) OVER last_60 AS products
    FROM paired
    WINDOW last_60 AS (
        PARTITION BY ticker ORDER BY session_no RANGE BETWEEN 59 PRECEDING AND CURRENT ROW
    )
)

SELECT
    date,
    ticker,
    products / nullif(market_squares, 0) AS beta_60,
    products / nullif(sqrt(market_squares * own_squares), 0) AS corr_60,
    sqrt(
        greatest(own_squares - products ** 2 / nullif(market_squares, 0), 0) / 58 * 252
    ) AS idio_vol_60
FROM sums
WHERE sessions = 60
ORDER BY date, ticker
