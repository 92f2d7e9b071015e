-- One row per date with the implied volatility of SPY and of at least 2 stocks: the correlation
-- that they imply, beside the realised one (`mean_corr_60`). `weights` says whose weights those of
-- the stocks are: `given`, of the settings, or `equal`. `share_covered` is the weight in the index
-- of the stocks with an implied volatility of their own; null where weights are equal, which covers
-- nothing of it. `is_covered` is false below 0.6: the value then says little of the index. Of the
-- covered weight `share_modelled` has a modelled volatility.
WITH stocks AS (
    SELECT
        g.ticker,
        g.weight,
        bool_or(g.weight IS NOT NULL) OVER () AS any_weight
    FROM ticker_groups AS g
    SEMI JOIN earnings AS e ON g.ticker = e.ticker
),

parts AS (
    SELECT
        v.date,
        v.iv_symbol = 'MODEL' AS is_modelled,
        v.iv_close / 100 AS iv,
        s.any_weight,
        CASE WHEN s.any_weight THEN s.weight ELSE 1 END AS weight
    FROM vix AS v
    INNER JOIN stocks AS s USING (ticker)
    -- An index of the market is not the stock's own volatility.
    WHERE v.iv_close > 0 AND v.iv_symbol NOT IN ('VIX', 'VXN', 'RVX', 'VXD')
),

sums AS (
    SELECT
        date,
        any_value(any_weight) AS any_weight,
        count(*) AS stocks,
        sum(weight) AS total,
        sum(weight) FILTER (WHERE is_modelled) AS modelled,
        sum(weight * iv) / sum(weight) AS mean_iv,
        sum(weight ** 2 * iv ** 2) / sum(weight) ** 2 AS own_variance
    FROM parts
    WHERE weight > 0
    GROUP BY date
    HAVING count(*) > 1
)

SELECT
    s.date,
    s.stocks,
    m.iv_close / 100 AS index_iv,
    s.mean_iv AS weighted_stock_iv,
    ((m.iv_close / 100) ** 2 - s.own_variance) / (s.mean_iv ** 2 - s.own_variance) AS implied_corr,
    d.mean_corr_60,
    CASE WHEN s.any_weight THEN 'given' ELSE 'equal' END AS weights,
    CASE WHEN s.any_weight THEN least(s.total, 1) END AS share_covered,
    s.any_weight AND s.total >= 0.6 AS is_covered,
    coalesce(s.modelled, 0) / s.total AS share_modelled
FROM sums AS s
INNER JOIN vix AS m ON s.date = m.date AND m.ticker = 'SPY' AND m.iv_close > 0
LEFT JOIN marts.dispersion AS d ON s.date = d.date
ORDER BY s.date
