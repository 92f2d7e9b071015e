-- Sessions, share and decisions of each regime and ticker.
SELECT
    ticker,
    regime,
    count(*) AS sessions,
    count(*) / sum(count(*)) OVER (PARTITION BY ticker) AS share,
    count(*) FILTER (decision = 'trade') AS trades
FROM {{ ref('daily_decisions') }}
WHERE regime IS NOT NULL
GROUP BY ticker, regime
ORDER BY ticker, sessions DESC
