-- One row per date with at least 2 stocks of 60 whole sessions: the mean correlation of their last
-- 60 log returns over all pairs, `dispersion_60` (1 less that), and `return_spread`, the standard
-- deviation of the stocks' log returns of the session. Stocks are the tickers that report earnings.
-- The mean correlation comes from the variance of the sum of n standardised returns, which is
-- n + n (n - 1) x mean correlation: the work grows with the stocks, and not with their pairs.
WITH stocks AS (
    SELECT r.*
    FROM marts.session_returns AS r
    SEMI JOIN earnings AS e ON r.ticker = e.ticker
    WHERE r.log_return IS NOT NULL
),

windows AS (
    SELECT
        *,
        count(*) OVER last_60 AS sessions,
        avg(log_return) OVER last_60 AS mean_return,
        stddev_samp(log_return) OVER last_60 AS deviation
    FROM stocks
    WINDOW last_60 AS (
        PARTITION BY ticker ORDER BY session_no RANGE BETWEEN 59 PRECEDING AND CURRENT ROW
    )
),

-- The session of each return is computed before the join, which otherwise compares all with all.
wanted AS (
    SELECT
        date,
        ticker,
        mean_return,
        deviation,
        session_no - unnest(range(60)) AS session_no
    FROM windows
    WHERE sessions = 60 AND deviation > 0
),

summed AS (
    SELECT
        w.date,
        w.session_no,
        count(*) AS stocks,
        sum((r.log_return - w.mean_return) / w.deviation) AS standardised
    FROM wanted AS w
    INNER JOIN stocks AS r USING (ticker, session_no)
    GROUP BY w.date, w.session_no
),

means AS (
    SELECT
        date,
        any_value(stocks) AS stocks,
        (var_samp(standardised) - any_value(stocks))
        / (any_value(stocks) * (any_value(stocks) - 1)) AS mean_corr_60
    FROM summed
    WHERE stocks > 1
    GROUP BY date
),

spreads AS (
    SELECT
        date,
        stddev_samp(log_return) AS return_spread
    FROM stocks
    GROUP BY date
)

SELECT
    m.date,
    m.stocks,
    m.mean_corr_60,
    1 - m.mean_corr_60 AS dispersion_60,
    s.return_spread
FROM means AS m
LEFT JOIN spreads AS s USING (date)
ORDER BY m.date
