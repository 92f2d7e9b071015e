-- One row per backtest run, fill model and calendar month: the account's return as a fraction. A
-- month begins at the last close of the month before, the first month at its first close.
WITH months AS (
    SELECT
        run,
        fill_model,
        date_trunc('month', date)::DATE AS month,
        arg_min(equity_usd, date) AS first_equity_usd,
        arg_max(equity_usd, date) AS last_equity_usd
    FROM backtest_equity
    GROUP BY run, fill_model, date_trunc('month', date)
),

based AS (
    SELECT
        *,
        coalesce(
            lag(last_equity_usd) OVER (PARTITION BY run, fill_model ORDER BY month),
            first_equity_usd
        ) AS base_usd
    FROM months
)

SELECT
    run,
    fill_model,
    year(month) AS year,
    month(month) AS month,
    last_equity_usd / base_usd - 1 AS month_return,
    last_equity_usd AS equity_usd
FROM based
ORDER BY run, fill_model, year, month
