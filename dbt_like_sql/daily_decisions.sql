-- One row a session and ticker: what was seen, predicted, decided and ordered.
SELECT
    p.date,
    p.ticker,
    r.close,
    v.vix,
    f.iv_rank,
    g.regime,
    d.direction,
    d.confidence,
    m.iv_rank_change_pred,
    p.decision,
    p.strategy,
    p.reasons,
    p.contracts,
    p.limit_price,
    p.max_loss_usd,
    o.status AS order_status
FROM {{ source('trade_plan') }} AS p
LEFT JOIN {{ source('raw_ohlcv') }} AS r USING (date, ticker)
LEFT JOIN {{ source('vix') }} AS v USING (date, ticker)
LEFT JOIN {{ source('features') }} AS f USING (date, ticker)
LEFT JOIN {{ source('regime') }} AS g USING (date, ticker)
LEFT JOIN {{ source('direction_model') }} AS d USING (date, ticker)
LEFT JOIN {{ source('volatility_model') }} AS m USING (date, ticker)
LEFT JOIN {{ source('paper_orders') }} AS o USING (date, ticker)
