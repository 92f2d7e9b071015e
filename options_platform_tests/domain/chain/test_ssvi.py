import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import calibration
from options_platform.domain.chain.ssvi import Smile, SmileRows, curvature, total_variance
from options_platform.domain.pricing import DAYS_A_YEAR

ATM = st.floats(0.04, 1.5)
DAYS = st.floats(1, 400)
CALIBRATED = st.sampled_from(list(calibration.SMILES.values()))


@st.composite
def smiles(draw):
    """Any smile that is not refused."""
    rho, q = draw(st.floats(-0.85, 0.5)), draw(st.floats(0.0, 0.95))
    p, c = draw(st.floats(-q / 2, 0.4)), draw(st.floats(0.0, 2.0))
    wing = draw(st.floats(0.0, 0.2))
    try:
        return Smile(c, p, q, rho, wing)
    except ValueError:
        assume(False)


def test_without_a_wing_a_slice_is_the_raw_svi_of_gatheral_and_jacquier():
    """Their lemma 3.2 gives a, b, m and sigma of natural parameters."""
    theta, psi, rho = 0.004, 0.05, -0.66
    k = np.linspace(-0.5, 0.3, 41)
    a, b = theta / 2 * (1 - rho**2), psi / 2
    m, sigma = -rho * theta / psi, np.sqrt(1 - rho**2) * theta / psi
    raw = a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + sigma**2))
    rows = SmileRows.of(Smile(0.8, 0.1, 0.5, rho))
    assert total_variance(k, np.array(theta), np.array(psi), rows) == pytest.approx(raw, rel=1e-12)


@given(smile=smiles(), atm=ATM, days=DAYS)
@settings(deadline=None, max_examples=150)
def test_a_slice_has_no_butterfly_arbitrage(smile, atm, days):
    """Durrleman's function, by finite differences from the total variance alone."""
    years, level = np.array(days / DAYS_A_YEAR), np.array(atm)
    rows, theta = SmileRows.of(smile), np.array(atm * atm * days / DAYS_A_YEAR)
    psi = curvature(rows, years, level)
    assume(psi > 1e-4)
    # In units of the slice itself, so that the differences are of one order everywhere.
    step = 1e-3
    f = np.sinh(np.linspace(-7, 7, 600))
    shape = [total_variance((f + n * step) * theta / psi, theta, psi, rows) for n in (-1, 0, 1)]
    below, w, above = (part / theta for part in shape)
    slope, bend = (above - below) / (2 * step), (above - 2 * w + below) / step**2
    # The second difference of a straight wing is rounding, not curvature.
    bend = np.where(np.abs(f) < 50, bend, 0.0)
    chi_squared = psi**2 / theta
    g = (1 - f * slope / (2 * w)) ** 2 - chi_squared * (slope**2 / (4 * w) - bend / 2)
    g -= psi**2 * slope**2 / 16
    assert w.min() > 0
    assert g.min() > -1e-4


@given(smile=smiles(), atm=ATM, days=st.floats(1, 200), later=st.floats(1.01, 10))
@example(smile=Smile(1.0, 0.0, 0.8046875, 0.2109375), atm=1.0, days=1.0, later=1.0625)
@settings(deadline=None, max_examples=150)
def test_total_variance_rises_with_time_where_that_at_the_money_rises_fast_enough(
    smile, atm, days, later
):
    rows = SmileRows.of(smile)
    theta = np.array(atm * atm * days / DAYS_A_YEAR)
    k = np.linspace(-3, 3, 301)
    before, after = (
        total_variance(k, variance, curvature(rows, years, np.sqrt(variance / years)), rows)
        for variance, years in (
            (theta, np.array(days / DAYS_A_YEAR)),
            (theta * later**smile.slowest, np.array(later * days / DAYS_A_YEAR)),
        )
    )
    assert np.all(after >= before * (1 - 1e-9))


@given(smile=CALIBRATED, atm=ATM, days=DAYS)
@settings(deadline=None, max_examples=50)
def test_the_volatility_at_the_forward_is_the_given_one(smile, atm, days):
    rows, theta = SmileRows.of(smile), np.array(atm * atm * days / DAYS_A_YEAR)
    psi = curvature(rows, np.array(days / DAYS_A_YEAR), np.array(atm))
    assert total_variance(np.array(0.0), theta, psi, rows) == pytest.approx(theta, rel=1e-12)


@pytest.mark.parametrize(
    "numbers",
    [
        (-0.1, 0.1, 0.5, -0.6, 0.0),
        (0.8, 0.1, 1.0, -0.6, 0.0),
        (0.8, 0.1, 0.5, -1.0, 0.0),
        (0.8, -0.3, 0.5, -0.6, 0.0),
        (0.8, 6.0, 0.5, -0.6, 0.0),
        (0.8, 0.1, 0.5, -0.6, 0.3),
    ],
)
def test_a_smile_that_allows_arbitrage_is_refused(numbers):
    with pytest.raises(ValueError, match=r"smile needs|wing|curvature"):
        Smile(*numbers)
