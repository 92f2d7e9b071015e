"""What the models of a home with companies read beside `features`, and which rows they leave out.

Their inputs stand behind those of all homes, so that the models of funds stay as they are, to the
bit. Which there are follows from the settings alone, never from the rows: a fold of a month is the
same whether it is trained in that month or years later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from options_platform.common import KEY
from options_platform.domain.feature_engine.labels import NEUTRAL_BAND

BAND, REPORT_AHEAD = "neutral_band", "earnings_in_30d"
STOCK_INPUTS = {BAND: "label", REPORT_AHEAD: "earnings"}
"""The further inputs and their families."""


@dataclass(frozen=True)
class StockRows:
    """How rows of companies enter a dataset.

    `with_band`: the width of the neutral class is an input, for tickers whose labels are scaled.
    `reports`: rows of `earnings_features` (date, ticker, earnings_in_30d), an input if they are
    given. `leaves_out_reactions`: rows with a reaction among the next 5 sessions are not trained
    on.
    """

    with_band: bool = False
    reports: pl.DataFrame | None = None
    leaves_out_reactions: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the further inputs."""
        names = ((BAND, self.with_band), (REPORT_AHEAD, self.reports is not None))
        return tuple(name for name, is_input in names if is_input)

    def columns(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The further inputs of rows with date, ticker and `neutral_band`, one column each.

        Without a band of its own a row has the fixed one; without a known report there is none
        ahead.
        """
        columns = []
        if self.with_band:
            columns.append(rows[BAND].fill_null(NEUTRAL_BAND))
        if self.reports is not None:
            ahead = self.reports.select(*KEY, REPORT_AHEAD)
            joined = rows.select(KEY).join(ahead, on=KEY, how="left", maintain_order="left")
            columns.append(joined[REPORT_AHEAD].fill_null(value=False).cast(pl.Float64))
        return pl.DataFrame(columns)


FUNDS_ONLY = StockRows()


def names_among(columns: Iterable[str]) -> tuple[str, ...]:
    """The further inputs among the columns of a table of inputs, in their order."""
    there = set(columns)
    return tuple(name for name in STOCK_INPUTS if name in there)
