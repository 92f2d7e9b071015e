-- One row per ticker, strategy, order status and reason, only for planned trades: the number of
-- orders, the spreads ordered and filled, and the planned risk.
SELECT
    o.ticker,
    p.strategy,
    o.status,
    o.reason,
    count(*) AS orders,
    sum(o.contracts)::BIGINT AS contracts,
    sum(o.filled_qty)::BIGINT AS filled_qty,
    sum(p.max_loss_usd) AS planned_max_loss_usd,
    min(o.date) AS first_session,
    max(o.date) AS last_session
FROM paper_orders AS o
LEFT JOIN trade_plan AS p USING (date, ticker, rule_set)
WHERE o.status <> 'no_trade'
GROUP BY o.ticker, p.strategy, o.status, o.reason
ORDER BY o.ticker, p.strategy, o.status, o.reason
