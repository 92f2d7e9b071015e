-- One row per date and ticker but SPY: growth over 20 and 60 sessions relative to that of SPY, less
-- one. `rank_60` is its rank by the latter among the `ranked` tickers of the session, 1 for the
-- strongest; null without a value.
WITH grown AS (
    SELECT
        r.date,
        r.ticker,
        r.close / b20.close AS growth_20,
        r.close / b60.close AS growth_60
    FROM marts.session_returns AS r
    LEFT JOIN marts.session_returns AS b20
        ON r.ticker = b20.ticker AND r.session_no - 20 = b20.session_no
    LEFT JOIN marts.session_returns AS b60
        ON r.ticker = b60.ticker AND r.session_no - 60 = b60.session_no
),

relative AS (
    SELECT
        own.date,
        own.ticker,
        own.growth_20 / market.growth_20 - 1 AS rel_strength_20,
        own.growth_60 / market.growth_60 - 1 AS rel_strength_60
    FROM grown AS own
    INNER JOIN grown AS market ON own.date = market.date AND market.ticker = 'SPY'
    WHERE own.ticker <> 'SPY'
)

SELECT
    date,
    ticker,
    rel_strength_20,
    rel_strength_60,
    CASE
        WHEN rel_strength_60 IS NOT NULL
            THEN rank() OVER (PARTITION BY date ORDER BY rel_strength_60 DESC NULLS LAST)
    END AS rank_60,
    count(rel_strength_60) OVER (PARTITION BY date) AS ranked
FROM relative
WHERE rel_strength_20 IS NOT NULL
ORDER BY date, ticker
