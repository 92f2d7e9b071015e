"""Tables of studies: hypotheses chosen on the first years and checked on the later ones."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.rule_sets import HELD, LEFT
from options_platform.contracts.table import TIMESTAMP, Column, Table

STUDY = Column("study", pl.String, "name of the study", nullable=False)
CHOICE, CHECK, WHOLE = "choice", "check", "all"


def _number(name: str, description: str, unit: str = "") -> Column:
    return Column(name, pl.Float64, description, unit)


STUDIES = Table(
    "studies",
    "Studies as they were last run: what they ask, how they choose, and what they cannot try.",
    (
        STUDY,
        Column("version", pl.Int64, "version that the file states", nullable=False, low=1),
        Column("title", pl.String, "title that the file states", nullable=False),
        Column("digest", pl.String, "hash of the file's values", nullable=False),
        Column("rule", pl.String, "how variants were chosen, in words", nullable=False),
        Column("note", pl.String, "what is to be known of the check", nullable=False),
        Column("untried", pl.List(pl.String), "what could not be tried, and why", nullable=False),
        Column("first", pl.Date, "first session", nullable=False),
        Column("chosen_until", pl.Date, "last session of the choice", nullable=False),
        Column("last", pl.Date, "last session", nullable=False),
        Column("runs", pl.Int64, "backtests of the study", nullable=False, low=1),
        Column(
            "trials",
            pl.Int64,
            "variants tried: of any rules in the home, these among them, and those "
            "elsewhere that the file states",
        ),
        _number(
            "overfitting_probability",
            "probability that the best variant of one half of the time is below the median in the "
            "other, over all variants of the study",
        ),
        Column(
            "model_scores",
            pl.List(pl.String),
            "how good the models are by which variants leave trades out, out of sample, in words",
        ),
        Column("studied_at", TIMESTAMP, "time of the run", nullable=False),
    ),
    key=("study",),
    partition=("study",),
)

STUDY_RESULTS = Table(
    "study_results",
    "Each variant of each hypothesis of a study, under both policies of expiry, over the sessions "
    "of the choice, those of the check, and all of them; null where a metric is undefined.",
    (
        STUDY,
        Column("hypothesis", pl.String, "name of the hypothesis", nullable=False),
        Column("variant", pl.String, "what was varied", nullable=False),
        Column("policy", pl.String, "policy of expiry", nullable=False, values=(LEFT, HELD)),
        Column("span", pl.String, "sessions", nullable=False, values=(CHOICE, CHECK, WHOLE)),
        Column("group", pl.String, "why the hypothesis is in the study", nullable=False),
        Column("sentence", pl.String, "what the hypothesis says", nullable=False),
        Column("tickers", pl.List(pl.String), "tickers traded", nullable=False),
        Column(
            "chosen",
            pl.Boolean,
            "whether the variant is the hypothesis's choice, made under the default policy",
            nullable=False,
        ),
        Column(
            "best", pl.Boolean, "whether it is the choice of the whole study", nullable=False
        ),
        Column("sessions", pl.Int64, "sessions", nullable=False, low=0),
        _number("sharpe", "annualised Sharpe ratio of excess returns"),
        _number("sharpe_low", "lower end of its 95% interval, of chosen variants; null if two "
                "blocks of the bootstrap do not fit"),
        _number("sharpe_high", "upper end of its interval"),
        _number("deflated_sharpe", "probability that it exceeds the luck of all trials, of chosen "
                "variants; null in the check, for which nothing was chosen"),
        _number("excess_return_annual", "return over cash a year", "fraction"),
        _number("volatility_annual", "standard deviation of daily excess returns", "annualised "
                "fraction"),
        _number("max_drawdown", "largest fall of the excess curve from a peak", "fraction"),
        Column("trades", pl.Int64, "trades closed in these sessions", low=0),
        _number("win_rate", "share of them with a profit", "fraction"),
        _number("profit_factor", "sum of profits over sum of losses"),
    ),
    key=("study", "hypothesis", "variant", "policy", "span"),
    partition=("study",),
)  # fmt: skip
