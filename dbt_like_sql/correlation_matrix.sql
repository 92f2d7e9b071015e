-- One row per month and pair of tickers: the correlation of their last 60 log returns, at the last
-- stored session of the month. A pair whose 60 sessions are not whole has no row. Each pair stands
-- once, `ticker` before `other` in the alphabet.
WITH months AS (
    SELECT
        max(date) AS date,
        max(session_no) AS session_no
    FROM marts.session_returns
    GROUP BY date_trunc('month', date)
),

last_60 AS (
    SELECT
        date,
        session_no - unnest(range(60)) AS session_no
    FROM months
),

windowed AS (
    SELECT
        l.date,
        r.session_no,
        r.ticker,
        r.log_return
    FROM last_60 AS l
    INNER JOIN marts.session_returns AS r USING (session_no)
    WHERE r.log_return IS NOT NULL
)

SELECT
    a.date,
    a.ticker,
    b.ticker AS other,
    covar_samp(a.log_return, b.log_return)
    / nullif(stddev_samp(a.log_return) * stddev_samp(b.log_return), 0) AS corr_60
FROM windowed AS a
INNER JOIN windowed AS b ON a.date = b.date AND a.session_no = b.session_no AND a.ticker < b.ticker
GROUP BY a.date, a.ticker, b.ticker
HAVING count(*) = 60
ORDER BY a.date, a.ticker, b.ticker
