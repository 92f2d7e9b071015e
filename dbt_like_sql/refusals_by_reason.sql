-- How often each reason kept a plan from trading, by year.
SELECT year, reason, count(*) AS plans
FROM (
    SELECT year(date) AS year, unnest(reasons) AS reason
    FROM {{ ref('daily_decisions') }}
    WHERE decision = 'no_trade'
)
GROUP BY year, reason
ORDER BY year, plans DESC
