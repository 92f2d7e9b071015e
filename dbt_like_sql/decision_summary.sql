-- One row per backtest run, ticker and rule, in the order of the checks: how often the rule was
-- checked, and how often it refused. Step 100 has the limits of the account.
SELECT
    run,
    ticker,
    step,
    rule,
    count(*) FILTER (WHERE outcome <> 'not_reached') AS asked,
    count(*) FILTER (WHERE outcome = 'refused') AS refused,
    count(*) FILTER (WHERE outcome = 'refused')
    / nullif(count(*) FILTER (WHERE outcome <> 'not_reached'), 0) AS share_refused,
    min(date) FILTER (WHERE outcome = 'refused') AS first_refused,
    max(date) FILTER (WHERE outcome = 'refused') AS last_refused
FROM backtest_decisions
GROUP BY run, ticker, step, rule
ORDER BY run, ticker, step, rule
