-- One row per date, ticker and rule set: the market, the regime, both predictions, the plan, the
-- order, and the outcome of the next 5 sessions once it is known.
SELECT
    p.date,
    p.ticker,
    p.rule_set,
    b.close,
    v.vix,
    v.iv_close,
    f.iv_rank,
    f.hv_20,
    r.regime,
    r.days_in_regime,
    d.p_bearish,
    d.p_neutral,
    d.p_bullish,
    d.direction AS predicted_direction,
    d.confidence,
    p.call_rank,
    p.earlier_calls,
    m.iv_rank_change_pred,
    m.expected_rv,
    m.p_regime_shift,
    p.plan_id,
    p.decision,
    p.strategy,
    p.reasons,
    p.expiry,
    p.dte,
    p.contracts,
    p.limit_price,
    p.max_loss_usd,
    p.max_profit_usd,
    o.status AS order_status,
    l.fwd_return_5d,
    l.direction AS actual_direction,
    l.fwd_iv_rank_5d - f.iv_rank AS actual_iv_rank_change,
    l.fwd_rv_5d AS actual_rv
FROM trade_plan AS p
LEFT JOIN raw_ohlcv AS b USING (date, ticker)
LEFT JOIN vix AS v USING (date, ticker)
LEFT JOIN features AS f USING (date, ticker)
LEFT JOIN regime AS r USING (date, ticker)
LEFT JOIN direction_model AS d USING (date, ticker)
LEFT JOIN volatility_model AS m USING (date, ticker)
LEFT JOIN paper_orders AS o USING (date, ticker, rule_set)
LEFT JOIN labels AS l USING (date, ticker)
ORDER BY p.date, p.ticker, p.rule_set
