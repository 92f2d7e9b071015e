"""Three years of labels of two tickers, with skilled and naive predictions."""

from datetime import date

import numpy as np
import polars as pl

from options_platform.contracts import DIRECTIONS, LABELS, MODEL_PREDICTIONS
from options_platform.domain.calendar.sessions import sessions
from options_platform.models.direction import PROBABILITIES

DAYS = sessions(date(2019, 6, 3), date(2022, 6, 30))
RANDOM = np.random.default_rng(8)
TICKERS = ("AAA", "BBB")
CLASSES = RANDOM.integers(0, 3, (len(DAYS), 2))
PRIOR = np.array([0.25, 0.45, 0.30])


def probabilities(skill):
    noise = RANDOM.dirichlet([2, 2, 2], CLASSES.shape)
    return (1 - skill) * noise + skill * np.eye(3)[CLASSES]


SHIPPED = probabilities(0.15)
RANK = RANDOM.uniform(0, 1, CLASSES.shape)
LATER = np.clip(RANK + RANDOM.normal(0, 0.1, CLASSES.shape), 0, 1)
PREDICTED = np.clip(0.5 * RANK + 0.5 * LATER + RANDOM.normal(0, 0.02, CLASSES.shape), 0, 1)


def labels():
    return pl.concat(
        pl.DataFrame(
            {
                "date": DAYS,
                "ticker": ticker,
                "direction": np.array(DIRECTIONS)[CLASSES[:, at]],
                "fwd_iv_rank_5d": LATER[:, at],
            }
        )
        for at, ticker in enumerate(TICKERS)
    ).select(
        pl.col(name).cast(dtype)
        if name in ("date", "ticker", "direction", "fwd_iv_rank_5d")
        else pl.lit(None, dtype).alias(name)
        for name, dtype in LABELS.schema.items()
    )


def of_model(model, target, **columns):
    frames = [
        pl.DataFrame(
            {
                "date": DAYS,
                "ticker": ticker,
                "model": model,
                "target": target,
                "fold": [f"{day:%Y-%m}" for day in DAYS],
                **{name: values[:, at] for name, values in columns.items()},
            }
        )
        for at, ticker in enumerate(TICKERS)
    ]
    return pl.concat(frames).select(
        pl.col(name).cast(dtype) if name in frames[0].columns else pl.lit(None, dtype).alias(name)
        for name, dtype in MODEL_PREDICTIONS.schema.items()
    )


def direction_rows(model="direction", p=SHIPPED):
    return of_model(
        model, "direction", **{name: p[..., at] for at, name in enumerate(PROBABILITIES)}
    )


PRIOR_ROWS = direction_rows("prior", np.broadcast_to(PRIOR, SHIPPED.shape))
DIRECTION_ROWS = pl.concat([direction_rows(), PRIOR_ROWS])
VOLATILITY_ROWS = pl.concat(
    [
        of_model("volatility", "iv_rank", iv_rank_pred=PREDICTED),
        of_model("persistence", "iv_rank", iv_rank_pred=RANK),
    ]
)
EARLY = np.array([day.year <= 2020 for day in DAYS])
REGIMES = pl.concat(
    pl.DataFrame(
        {
            "date": DAYS,
            "ticker": ticker,
            "regime": np.where(RANK[:, at] > 0.5, "high_vol", "low_vol"),
        }
    )
    for at, ticker in enumerate(TICKERS)
)


def score(scores, metric, model="direction", ticker="ALL", period="all"):
    row = scores.filter(
        (pl.col("model") == model)
        & (pl.col("ticker") == ticker)
        & (pl.col("period") == period)
        & (pl.col("metric") == metric)
    )
    return row.row(0, named=True)
