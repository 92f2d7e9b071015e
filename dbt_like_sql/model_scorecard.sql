-- One row per model, ticker and year: the scores of its out-of-sample predictions, beside those of
-- the naive model on the same rows. RMSE and MAE are of the IV rank (0 to 1), the log loss is in
-- nats. The report has the intervals.
SELECT
    target,
    model,
    ticker,
    year(date) AS year,
    count(*) AS predictions,
    avg(is_right::INTEGER) AS accuracy,
    avg(naive_is_right::INTEGER) AS naive_accuracy,
    avg(log_loss) AS log_loss,
    avg(naive_log_loss) AS naive_log_loss,
    avg((predicted_direction = 'neutral')::INTEGER) AS neutral_share,
    sqrt(avg(iv_rank_error ** 2)) AS rmse,
    sqrt(avg(naive_iv_rank_error ** 2)) AS naive_rmse,
    avg(abs(iv_rank_error)) AS mae,
    avg(abs(naive_iv_rank_error)) AS naive_mae
FROM marts.scored_predictions
GROUP BY target, model, ticker, year(date)
ORDER BY target, model, ticker, year
