"""Crises of the past end without an uncovered short and within the account's limits."""

import os
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.feature_engine.compute import compute_features
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.domain.features.premium import PREMIUM
from options_platform.services.planning.plan_tables import market_closes
from options_platform.services.rehearsal.data import month_of, rehearsal_data
from options_platform.services.rehearsal.run import rehearse
from options_platform.services.rehearsal.stress import intensity_of
from options_platform.testing.market import from_source
from options_platform.testing.plan_inputs import plan_inputs
from options_platform_tests.services.rehearsal.small_month import TICKERS, settings_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
WARM_UP = 12


def crisis(source, month):
    """The month and the sessions before it, planned by random predictions."""
    first, last = month_of(month)
    bars, vix = from_source(source, first.year - 1, first.year)
    bars, vix = (rows.filter(pl.col("date") <= last) for rows in (bars, vix))
    recent = bars.filter(pl.col("date") >= first - timedelta(days=30))
    inputs = plan_inputs(bars, vix)
    features = compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())
    premium = [each.name for each in PREMIUM if each.name not in inputs.columns]
    inputs = inputs.join(features.select("date", "ticker", *premium), on=["date", "ticker"])
    paid = bars.select("date", "ticker", "dividend")
    data = rehearsal_data(
        month, TICKERS, recent, market_closes(recent, vix, dividends=paid), inputs
    )
    return replace(data, warm_up=data.warm_up[-WARM_UP:])


def require_held(source, month, tmp_path, intensity="stressed", **changes):
    made = rehearse(
        settings_of(tmp_path, **changes), crisis(source, month), intensity_of(intensity)
    )
    assert [(v.name, v.breaches) for v in made.verdicts if not v.holds] == []
    return made


@pytest.mark.parametrize("month", ["2008-10", "2020-03"])
def test_a_crisis_of_the_reference_data_ends_with_all_checks_holding(
    month, reference_data, tmp_path
):
    folders = os.pathsep.join(str(reference_data / part) for part in ("prices", "vol"))
    source = open_source("csv", SourceOptions(csv_dir=folders))
    made = require_held(source, month, tmp_path)
    assert min(row.session for row in made.sessions if row.in_month) == date(
        *(int(part) for part in month.split("-")), 2 if month == "2020-03" else 1
    )


@pytest.mark.parametrize("month", ["2015-08", "2018-02"])
def test_a_crisis_of_the_sample_ends_with_all_checks_holding(month, tmp_path):
    source = open_source("sample", SourceOptions())
    require_held(source, month, tmp_path, "severe", rule_set="premium_ladder")
