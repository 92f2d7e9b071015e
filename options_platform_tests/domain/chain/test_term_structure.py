"""The at-the-money variance of the surface, a row a session."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.chain.surface import SurfaceRules
from options_platform.domain.chain.term_structure import with_atm_variance

ROWS = pl.DataFrame(
    {
        "date": [date(2020, 1, 2), date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 3)],
        "ticker": ["QQQ", "SPY", "QQQ", "SPY"],
        "iv_close": [22.0, 20.0, None, 30.0],
        "vix": [20.0, 20.0, 30.0, 30.0],
    }
)
TENORS = pl.DataFrame(
    {"date": [date(2020, 1, 3)], "vix9d": [33.0], "vix3m": [26.0], "vix6m": [25.0]}
)


def test_a_flat_surface_has_the_variance_of_its_index():
    rows = with_atm_variance(ROWS, None, SurfaceRules.flat())
    assert rows["atm_variance"].to_list() == pytest.approx([0.0484, 0.04, None, 0.09])
    assert rows.select("vix9d", "vix3m").null_count().row(0) == (4, 4)


def test_the_skew_makes_it_less_than_the_variance_of_the_index():
    rows = with_atm_variance(ROWS, TENORS, SurfaceRules())
    index = (pl.col("iv_close") / 100.0) ** 2
    share = rows.join(ROWS, on=["date", "ticker"]).select(pl.col("atm_variance") / index)
    values = share.to_series().drop_nulls().to_numpy()
    assert np.all((values > 0.5) & (values < 0.95))
    assert rows["vix9d"].to_list() == [None, None, 33.0, 33.0]
    assert rows["vix3m"].to_list() == [None, None, 26.0, 26.0]


def test_a_session_has_the_same_row_alone_and_among_others():
    whole = with_atm_variance(ROWS, TENORS, SurfaceRules())
    alone = [
        with_atm_variance(part, TENORS.filter(pl.col("date") == day), SurfaceRules())
        for (day, _), part in ROWS.group_by("date", "ticker", maintain_order=True)
    ]
    assert whole.equals(pl.concat(alone))
