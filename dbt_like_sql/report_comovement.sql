-- One row per stock that reported (`reporter`) and other ticker: how the ticker moved on the
-- sessions that reacted to the stock's reports, beside its other sessions. Sessions that reacted to
-- a report of the ticker's own are in neither. Moves are fractions of the close before. `with` is
-- the mean of its moves in the direction of the reporter's, `abs` that of their sizes; `extra_abs`
-- is the size less that of other sessions. `low` and `high` are the 95% intervals of normal means;
-- null with fewer than 2 reports.
WITH moves AS (
    SELECT
        date,
        ticker,
        exp(log_return) - 1 AS move
    FROM marts.session_returns
    WHERE log_return IS NOT NULL
),

reactions AS (
    SELECT DISTINCT
        e.ticker,
        e.reaction AS date,
        m.move
    FROM earnings AS e
    INNER JOIN moves AS m ON e.ticker = m.ticker AND e.reaction = m.date
    WHERE e.status = 'reported'
),

others AS (
    SELECT m.*
    FROM moves AS m
    ANTI JOIN reactions AS r ON m.ticker = r.ticker AND m.date = r.date
),

whole AS (
    SELECT
        ticker,
        count(*) AS sessions,
        sum(abs(move)) AS sizes,
        sum(move ** 2) AS squares
    FROM others
    GROUP BY ticker
),

reacted AS (
    SELECT
        r.ticker AS reporter,
        o.ticker,
        count(*) AS reports,
        avg(o.move) AS mean_move,
        avg(o.move * sign(r.move)) AS mean_move_with,
        stddev_samp(o.move * sign(r.move)) / sqrt(count(*)) AS with_error,
        avg(abs(o.move)) AS mean_abs_move,
        var_samp(abs(o.move)) / count(*) AS abs_variance,
        sum(abs(o.move)) AS sizes,
        sum(o.move ** 2) AS squares,
        covar_samp(o.move, r.move)
        / nullif(stddev_samp(o.move) * stddev_samp(r.move), 0) AS corr_of_moves
    FROM reactions AS r
    INNER JOIN others AS o ON r.date = o.date AND r.ticker <> o.ticker
    GROUP BY r.ticker, o.ticker
),

-- The other sessions are all less those that reacted, so that no pair reads all sessions.
compared AS (
    SELECT
        r.*,
        w.sessions - r.reports AS other_sessions,
        (w.sizes - r.sizes) / nullif(w.sessions - r.reports, 0) AS other_mean_abs_move,
        (w.squares - r.squares) / nullif(w.sessions - r.reports, 0) AS other_mean_square
    FROM reacted AS r
    INNER JOIN whole AS w USING (ticker)
),

judged AS (
    SELECT
        *,
        mean_abs_move - other_mean_abs_move AS extra_abs_move,
        sqrt(
            abs_variance
            + greatest(other_mean_square - other_mean_abs_move ** 2, 0)
            / nullif(other_sessions - 1, 0)
        ) AS extra_error
    FROM compared
)

SELECT
    reporter,
    ticker,
    reports,
    other_sessions,
    mean_move,
    mean_move_with,
    mean_move_with - 1.96 * with_error AS with_low,
    mean_move_with + 1.96 * with_error AS with_high,
    corr_of_moves,
    mean_abs_move,
    other_mean_abs_move,
    extra_abs_move,
    extra_abs_move - 1.96 * extra_error AS extra_low,
    extra_abs_move + 1.96 * extra_error AS extra_high
FROM judged
ORDER BY reporter, ticker
