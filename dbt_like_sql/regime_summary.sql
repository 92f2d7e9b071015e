-- One row per ticker and regime: its frequency, its length, and the mean outcome of the 5 sessions
-- after. Volatilities are annualised fractions; `mean_sessions` counts only ended spells.
WITH days AS (
    SELECT
        r.ticker,
        r.regime,
        count(*) AS sessions,
        avg(v.vix) AS mean_vix,
        avg(l.fwd_return_5d) AS mean_fwd_return_5d,
        avg(l.fwd_rv_5d) AS mean_fwd_rv_5d
    FROM regime AS r
    LEFT JOIN vix AS v USING (date, ticker)
    LEFT JOIN labels AS l USING (date, ticker)
    WHERE r.regime IS NOT NULL
    GROUP BY r.ticker, r.regime
),

spells AS (
    SELECT
        ticker,
        from_regime AS regime,
        count(*) AS spells_ended,
        avg(sessions_in_previous) AS mean_sessions
    FROM regime_transitions
    GROUP BY ticker, from_regime
)

SELECT
    d.ticker,
    d.regime,
    d.sessions,
    d.sessions / sum(d.sessions) OVER (PARTITION BY d.ticker) AS share,
    coalesce(s.spells_ended, 0) AS spells_ended,
    s.mean_sessions,
    d.mean_vix,
    d.mean_fwd_return_5d,
    d.mean_fwd_rv_5d
FROM days AS d
LEFT JOIN spells AS s USING (ticker, regime)
ORDER BY d.ticker, d.sessions DESC, d.regime
