-- Each model by year and ticker, on rows whose label is known; the naive models are rows too.
SELECT
    p.model,
    p.target,
    year(p.date) AS year,
    p.ticker,
    count(*) AS predictions,
    avg(-ln(greatest(CASE l.direction
        WHEN 'bearish' THEN p.p_bearish
        WHEN 'neutral' THEN p.p_neutral
        ELSE p.p_bullish END, 1e-15))) FILTER (p.target = 'direction') AS log_loss,
    sqrt(avg((p.iv_rank_pred - l.fwd_iv_rank_5d) ^ 2)) AS rank_rmse,
    avg(abs(p.iv_rank_pred - l.fwd_iv_rank_5d)) AS rank_mae
FROM {{ source('model_predictions') }} AS p
JOIN {{ source('labels') }} AS l USING (date, ticker)
WHERE (p.target = 'direction' AND p.p_neutral IS NOT NULL AND l.direction IS NOT NULL)
   OR (p.target = 'iv_rank' AND p.iv_rank_pred IS NOT NULL AND l.fwd_iv_rank_5d IS NOT NULL)
GROUP BY ALL
ORDER BY ALL
