-- One row per date, ticker and model whose outcome is known: the out-of-sample prediction and the
-- outcome, and its error beside the naive model's on the same row (class frequencies for the
-- direction, today's rank for the IV rank).
WITH called AS (
    SELECT
        *,
        CASE
            WHEN p_neutral IS NULL THEN NULL
            WHEN p_bearish >= p_neutral AND p_bearish >= p_bullish THEN 'bearish'
            WHEN p_neutral >= p_bullish THEN 'neutral'
            ELSE 'bullish'
        END AS predicted_direction
    FROM model_predictions
),

scored AS (
    SELECT
        p.date,
        p.ticker,
        p.model,
        p.target,
        p.fold,
        p.predicted_direction,
        l.direction AS actual_direction,
        p.iv_rank_pred AS predicted_iv_rank,
        l.fwd_iv_rank_5d AS actual_iv_rank,
        p.predicted_direction = l.direction AS is_right,
        -ln(greatest(
            CASE l.direction
                WHEN 'bearish' THEN p.p_bearish
                WHEN 'neutral' THEN p.p_neutral
                ELSE p.p_bullish
            END,
            1e-15
        )) AS log_loss,
        p.iv_rank_pred - l.fwd_iv_rank_5d AS iv_rank_error
    FROM called AS p
    INNER JOIN labels AS l USING (date, ticker)
    WHERE
        (p.target = 'direction' AND p.predicted_direction IS NOT NULL AND l.direction IS NOT NULL)
        OR (
            p.target = 'iv_rank'
            AND p.iv_rank_pred IS NOT NULL
            AND l.fwd_iv_rank_5d IS NOT NULL
        )
)

SELECT
    s.date,
    s.ticker,
    s.model,
    s.target,
    s.fold,
    s.predicted_direction,
    CASE s.target WHEN 'direction' THEN s.actual_direction END AS actual_direction,
    s.is_right,
    CASE s.target WHEN 'direction' THEN s.log_loss END AS log_loss,
    s.predicted_iv_rank,
    CASE s.target WHEN 'iv_rank' THEN s.actual_iv_rank END AS actual_iv_rank,
    s.iv_rank_error,
    n.is_right AS naive_is_right,
    CASE s.target WHEN 'direction' THEN n.log_loss END AS naive_log_loss,
    n.iv_rank_error AS naive_iv_rank_error
FROM scored AS s
LEFT JOIN scored AS n
    ON
        s.date = n.date
        AND s.ticker = n.ticker
        AND s.target = n.target
        AND n.model = CASE s.target WHEN 'direction' THEN 'prior' ELSE 'persistence' END
ORDER BY s.date, s.ticker, s.model
