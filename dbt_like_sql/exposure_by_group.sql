-- One row per account, date and group with positions open at the close: how many, their maximum
-- loss, and their delta. `delta_usd` is the P&L of a move of 100% of the underlyings, at constant
-- delta; `beta_delta_usd` weights each by its beta of the settings (1 if none), as the limits do. A
-- ticker without a group is one of its own.
WITH open_positions AS (
    SELECT
        p.account,
        p.date,
        coalesce(g.risk_group, p.ticker) AS risk_group,
        p.ticker,
        p.contracts,
        p.max_loss_usd,
        p.delta * p.spot AS delta_usd,
        coalesce(g.beta, 1) * p.delta * p.spot AS beta_delta_usd
    FROM positions AS p
    LEFT JOIN ticker_groups AS g USING (ticker)
    WHERE p.contracts > 0
)

SELECT
    account,
    date,
    risk_group,
    string_agg(DISTINCT ticker, ', ' ORDER BY ticker) AS tickers,
    count(*) AS open_positions,
    sum(contracts)::BIGINT AS contracts,
    sum(max_loss_usd) AS max_loss_usd,
    sum(max_loss_usd)
    / nullif(sum(sum(max_loss_usd)) OVER (PARTITION BY account, date), 0) AS share_of_max_loss,
    sum(delta_usd) AS delta_usd,
    sum(beta_delta_usd) AS beta_delta_usd
FROM open_positions
GROUP BY account, date, risk_group
ORDER BY account, date, risk_group
