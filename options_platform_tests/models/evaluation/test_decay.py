from datetime import date

import polars as pl
import pytest

from options_platform.models.direction import PROBABILITIES, ScaledDirection
from options_platform.models.evaluation.decay import evaluate_decay
from options_platform.models.memory_store import MemoryStore
from options_platform.models.training import walk_forward
from options_platform.models.volatility import ChangeVolatility
from options_platform_tests.models.rows import random_dataset, random_rows

END = date(2017, 9, 29)


@pytest.mark.parametrize(
    ("model", "columns"),
    [(ScaledDirection(), PROBABILITIES), (ChangeVolatility(), ("iv_rank_pred",))],
    ids=["direction", "volatility"],
)
def test_decay_scores_each_age_band_and_trains_nothing(model, columns):
    data = random_dataset(END)
    store = MemoryStore()
    span = {"start": date(2017, 1, 3), "end": END, "store": store}
    walk = walk_forward(model, data, **span)
    # The IV rank needs a year of VIX closes, and a fold needs a year of ranks.
    assert len(walk.artifacts) == (9 if model.name == "direction" else 8)
    scores = evaluate_decay(model, data, random_rows()[1], columns=columns, **span)
    metric = "rmse" if columns == ("iv_rank_pred",) else "log_loss"
    rows = scores.filter(pl.col("metric") == metric)
    assert rows["period"].to_list() == ["sessions 1-21", "sessions 22-42", "sessions 43-63"]
    # Nine models of two tickers; the newest have not reached every age yet.
    assert rows["n"].to_list()[0] > rows["n"].to_list()[2] > 0
    assert rows["n"].to_list()[0] <= 9 * 21 * 2
    assert rows["low"].is_not_null().all()
