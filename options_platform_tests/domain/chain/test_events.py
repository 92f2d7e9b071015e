from datetime import date

import numpy as np
import pytest

from options_platform.domain.chain import SurfaceRules, TermStructure, Underlying, atm_vol
from options_platform.domain.chain.events import days_to_election, election_days, election_jump

RULES = SurfaceRules()
DAYS = np.array([14, 21, 28, 29, 30, 32]) / 365.0


def october_2020(session=date(2020, 10, 5), **changes):
    """Closes of VIX9D, VIX, VIX3M and VIX6M on 2020-10-05, 29 days before the election."""
    closes = {"days_9": 0.2351, "days_93": 0.3128, "days_182": 0.3220} | changes
    term = TermStructure(**{name: np.array(value) for name, value in closes.items()})
    return Underlying.of("SPY", session, np.array([340.0]), np.array([0.2796]), term)


def test_elections_are_on_the_tuesday_after_the_first_monday_of_november_in_even_years():
    days = set(election_days().tolist())
    known = {date(2008, 11, 4), date(2016, 11, 8), date(2020, 11, 3), date(2022, 11, 8)}
    assert known <= days
    assert date(2010, 11, 2) in days
    assert not [day for day in days if day.weekday() != 1 or day.year % 2]
    session = np.array(["2020-10-05", "2020-11-03", "2020-11-04"], dtype="datetime64[D]")
    assert days_to_election(session).tolist() == [29, 0, 734]


def test_options_that_expire_before_an_election_are_cheaper_than_those_after():
    """SPY's chain of 2020-10-05 has 22.2 at the money in 28 days and 25.0 in 30."""
    vols = 100.0 * atm_vol(october_2020(), DAYS, RULES)
    plain = 100.0 * atm_vol(october_2020(date(2021, 10, 5)), DAYS, RULES)
    assert vols[2] == pytest.approx(22.2, abs=1.5)
    assert plain[2] > 24.5
    assert vols[3] < vols[4] - 1.5
    assert vols[4:] == pytest.approx(plain[4:], abs=1e-9)


@pytest.mark.parametrize("missing", ["days_9", "days_93", "days_182"])
def test_without_a_quoted_tenor_an_election_changes_nothing(missing):
    quoted = {missing: np.nan}
    vols = atm_vol(october_2020(**quoted), DAYS, RULES)
    plain = atm_vol(october_2020(date(2021, 10, 5), **quoted), DAYS, RULES)
    assert vols.tolist() == plain.tolist()


@pytest.mark.parametrize(
    "session", [date(2020, 9, 1), date(2020, 10, 4), date(2020, 10, 26), date(2020, 11, 3)]
)
def test_an_election_that_is_not_between_the_first_two_tenors_changes_nothing(session):
    vols = atm_vol(october_2020(session), DAYS, RULES)
    assert vols.tolist() == atm_vol(october_2020(date(2021, 10, 5)), DAYS, RULES).tolist()


def test_forward_variance_that_reverts_to_its_mean_leaves_nothing_to_an_election():
    tenors = (9.0, 30.0, 93.0, 182.0)
    at = np.array(tenors)
    decay = (1 - np.exp(-4.0 * at / 365)) * 365 / 4.0
    totals = [np.array(value) for value in 0.09 * at + (0.05 - 0.09) * decay]
    assert election_jump(np.array([20]), totals, tenors) == pytest.approx([0.0], abs=1e-9)
    with_jump = [total + 0.3 * (days > 20) for total, days in zip(totals, tenors, strict=True)]
    share = 0.3 / (with_jump[1] - with_jump[0])
    assert election_jump(np.array([20]), with_jump, tenors) == pytest.approx([share])
