-- One row per backtest run, fill model and strategy: closed trades, fees deducted. The profit
-- factor is null without a loss; `expectancy_r` is the mean of profit over maximum loss.
SELECT
    run,
    fill_model,
    strategy,
    count(*) AS trades,
    avg((pnl_usd > 0)::INTEGER) AS win_rate,
    sum(pnl_usd) AS pnl_usd,
    sum(greatest(pnl_usd, 0)) / nullif(-sum(least(pnl_usd, 0)), 0) AS profit_factor,
    avg(pnl_usd) AS expectancy_usd,
    avg(pnl_usd / max_loss_usd) AS expectancy_r,
    avg(days_held) AS mean_days_held,
    sum(fees_usd) AS fees_usd,
    sum(slippage_usd) AS slippage_usd
FROM backtest_trades
WHERE closed_on IS NOT NULL
GROUP BY run, fill_model, strategy
ORDER BY run, fill_model, strategy
