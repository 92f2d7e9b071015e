-- One row per date and ticker with a close: its session's number, counted over the sessions of all
-- tickers, and its log return since the session before; null where that has no close.
WITH sessions AS (
    SELECT
        date,
        row_number() OVER (ORDER BY date) AS session_no
    FROM (SELECT DISTINCT date FROM raw_ohlcv)
),

closes AS (
    SELECT
        b.date,
        b.ticker,
        s.session_no,
        b.close,
        lag(b.close) OVER by_ticker AS previous_close,
        lag(s.session_no) OVER by_ticker AS previous_no
    FROM raw_ohlcv AS b
    INNER JOIN sessions AS s USING (date)
    WHERE b.close > 0
    WINDOW by_ticker AS (PARTITION BY b.ticker ORDER BY b.date)
)

SELECT
    date,
    ticker,
    session_no,
    close,
    CASE WHEN previous_no = session_no - 1 THEN ln(close / previous_close) END AS log_return
FROM closes
ORDER BY date, ticker
