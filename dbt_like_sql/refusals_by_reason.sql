-- One row per ticker and reason: how many plans it refused, and when. A plan with two reasons
-- counts for both.
WITH refused AS (
    SELECT
        date,
        ticker,
        unnest(reasons) AS reason
    FROM trade_plan
    WHERE decision = 'no_trade'
),

plans AS (
    SELECT
        ticker,
        count(*) AS plans
    FROM trade_plan
    GROUP BY ticker
)

SELECT
    r.ticker,
    r.reason,
    count(*) AS refused,
    count(*) / any_value(p.plans) AS share_of_plans,
    min(r.date) AS first_session,
    max(r.date) AS last_session
FROM refused AS r
INNER JOIN plans AS p USING (ticker)
GROUP BY r.ticker, r.reason
ORDER BY r.ticker, refused DESC, r.reason
