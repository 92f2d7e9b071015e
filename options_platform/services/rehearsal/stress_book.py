"""The book that a rehearsal opens where the rules hold nothing that a crisis could hurt."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import CONDOR, SelectionRules
from options_platform.domain.planning.strike_settings import StrikeRules
from options_platform.services.rehearsal.data import RehearsalData

LAST_OF_WARM_UP = 4
"""From so many sessions before the month on the book is opened where the rules hold nothing."""

ABOUT = (
    "where the rules held and planned nothing, a stress book was opened by the same path, so that "
    "the month finds something to hurt: iron condors of each ticker with the default strikes, as "
    "many and as large as the limits and the set's sizes allow, and with the set's exits"
)


def stress_plans(data: RehearsalData, rules: PlanRules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Plans and legs of the stress book for the sessions that may open it."""
    days = sessions_of_book(data)
    inputs = data.inputs.filter(pl.col("date").is_in(days)).with_columns(
        # A condor asks for no prediction; a home may have none yet.
        direction=pl.col("direction").fill_null("neutral"),
        iv_rank_change_pred=pl.col("iv_rank_change_pred").fill_nan(None).fill_null(0.0),
        confidence=pl.lit(1.0),
    )
    return build_plans(inputs, of_stress_book(rules), data.chain_of)


def of_stress_book(rules: PlanRules) -> PlanRules:
    """The rules of the set's account and market with an iron condor in every session."""
    return replace(
        rules,
        selection=SelectionRules(strategy=CONDOR, veto_credit_above=1.0),
        strikes=StrikeRules(),
    )


def sessions_of_book(data: RehearsalData) -> list[date]:
    """The sessions whose plans may open the book."""
    return [*data.warm_up[-LAST_OF_WARM_UP:], *data.sessions[:-1]]
