"""Sessions are measured anew where what their fits rest on has changed, and the change is seen."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import REVISIONS, SURFACE_ERROR, SURFACE_FIT, VIX
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import Underlying, atm_vol
from options_platform.domain.chain.learned import fits_of
from options_platform.domain.chain.learning import as_traded, fit_versions
from options_platform.domain.chain.learning.history import PRICING
from options_platform.domain.chain.ssvi import Smile
from options_platform.services.market_data.learned_surface import measured_notes, with_fits
from options_platform_tests.services.market_data.test_surface_measures import (
    DAYS,
    LAST,
    TABLES,
    chain_of,
    home_of,
    measure,
)

NEXT = date(2016, 3, 2)
EARLY, LATE = (datetime(2016, 3, day, 9, tzinfo=UTC) for day in (2, 10))


def at_the_money(platform, day, index=20.0):
    """Volatility at the money of 30 days on the fits, and on the class."""
    underlying = Underlying.of("SPY", day, np.array([200.0]), np.array([index / 100]))
    learned = with_fits(platform.settings, platform.warehouse)
    surfaces = (settings.plan.chain.surface for settings in (learned, platform.settings))
    return [float(atm_vol(underlying, np.array([30 / 365]), rules)[0]) for rules in surfaces]


def chain_file(platform, day):
    return platform.settings.chains_path / "SPY" / f"{day}.parquet"


def on_another_index(platform, close=24.8):
    """The ticker gets an index of its own; a backfill stores its closes in the whole history."""
    index = platform.warehouse.read(VIX)
    own = index.with_columns(iv_close=pl.lit(close), iv_symbol=pl.lit("OWN"))
    platform.warehouse.write([(VIX, own)])


@pytest.fixture
def platform(tmp_path):
    platform = replace(home_of(tmp_path), now=lambda: EARLY)
    measure(platform)
    return replace(platform, now=lambda: LATE)


def test_fits_that_were_measured_on_another_index_price_nothing(platform):
    learned, plain = at_the_money(platform, NEXT)
    assert learned > 1.1 * plain
    on_another_index(platform)
    learned, plain = at_the_money(platform, NEXT, 24.8)
    assert learned == plain
    (note,) = measured_notes(platform.settings, platform.warehouse).values()
    assert "; priced as its class: its fits were measured on VIX" in note


@pytest.mark.long
def test_another_index_has_every_session_measured_anew_as_in_a_new_home(platform, tmp_path):
    on_another_index(platform)
    found = measure(platform, NEXT, NEXT)
    other = home_of(tmp_path / "new")
    on_another_index(other)
    for rows, wanted in zip(found, measure(other), strict=True):
        assert rows.equals(wanted)
    assert found[1]["iv_symbol"].unique().to_list() == ["OWN"]
    # The true volatility at the money is 0.24.
    assert at_the_money(platform, NEXT, 24.8)[0] == pytest.approx(0.24, abs=0.02)


@pytest.mark.long
@pytest.mark.parametrize(
    "changes",
    [
        {"smiles": {"fund": Smile(0.8, 0.16, 0.7, -0.6, 0.1), "stock": Smile(0.8, 0.1, 0.2, 0, 0)}},
        {"at_the_money": ("SPY",)},
        {"term": ((-0.03, 0.13), (0.09, -0.16), (0.15, -0.3))},
    ],
)
def test_fits_that_were_measured_with_another_surface_price_nothing_and_are_due_again(
    platform, changes
):
    chain = platform.settings.plan.chain
    surface = replace(chain.surface, **changes)
    plan = replace(platform.settings.plan, chain=replace(chain, surface=surface))
    settings = replace(platform.settings, plan=plan)
    assert with_fits(settings, platform.warehouse) is settings
    before = platform.warehouse.read(SURFACE_FIT)
    measure(replace(platform, settings=settings), NEXT, NEXT)
    after = platform.warehouse.read(SURFACE_FIT)
    assert not set(after["surface_hash"]) & set(before["surface_hash"])
    assert with_fits(settings, platform.warehouse) is not settings


def test_scenarios_leave_the_fits_as_they_are(platform):
    chain = platform.settings.plan.chain
    surface = replace(chain.surface, iv_scale=0.92, iv_points=-1.0)
    plan = replace(platform.settings.plan, chain=replace(chain, surface=surface))
    settings = replace(platform.settings, plan=plan)
    assert with_fits(settings, platform.warehouse) is not settings


def test_a_fit_prices_180_sessions_and_then_the_class_holds(platform):
    last = shift(LAST, 180)
    learned, plain = at_the_money(platform, last)
    assert learned > 1.1 * plain
    for day in (shift(last, 1), date(2026, 3, 2)):
        learned, plain = at_the_money(platform, day)
        assert learned == plain


def test_a_chain_is_measured_and_scored_by_a_fit_only_as_long_as_that_holds(platform):
    index = platform.warehouse.read(VIX)
    for at, day in enumerate((shift(LAST, 180), shift(LAST, 361))):
        row = index.tail(1).with_columns(date=pl.lit(day))
        platform.warehouse.write([(VIX, row)])
        platform.chains.write(chain_of(day))
        errors, fits, _ = measure(platform, day, day)
        by_fit, score = errors.filter(date=day)["fitted_on"], fits.filter(date=day)
        if at == 0:
            assert by_fit.unique().to_list() == [LAST]
            assert score["fit_near_points"][0] < score["class_near_points"][0]
        else:
            assert by_fit.null_count() == by_fit.len()
            assert score["fit_near_points"][0] is None


def test_doctor_says_that_a_fit_is_too_old(platform):
    index = platform.warehouse.read(VIX)
    newest = index.tail(1).with_columns(date=pl.lit(shift(LAST, 179)))
    platform.warehouse.write([(VIX, newest)])
    assert "its own fit is of" in measured_notes(platform.settings, platform.warehouse)["SPY"]
    newest = newest.with_columns(date=pl.lit(shift(LAST, 180)))
    platform.warehouse.write([(VIX, newest)])
    note = measured_notes(platform.settings, platform.warehouse)["SPY"]
    assert f"since its last chain, of {LAST}, is more than 180 sessions old" in note


@pytest.mark.long
def test_a_replaced_chain_has_later_sessions_measured_as_in_a_new_home(platform, tmp_path):
    platform.chains.write(chain_of(DAYS[3], vol=0.60))
    found = measure(platform, DAYS[3], DAYS[3])
    found = measure(platform, NEXT, NEXT)
    other = home_of(tmp_path / "new", days=())
    for day in DAYS:
        other.chains.write(chain_of(day, vol=0.60 if day == DAYS[3] else 0.24))
    for rows, wanted in zip(found, measure(other), strict=True):
        assert rows.equals(wanted)


@pytest.mark.long
@pytest.mark.parametrize("gone", [[LAST], [DAYS[4]], DAYS])
def test_rows_whose_chain_is_no_longer_stored_are_deleted(platform, tmp_path, gone):
    for day in gone:
        chain_file(platform, day).unlink()
    found = measure(platform, NEXT, NEXT)
    other = home_of(tmp_path / "new", days=[day for day in DAYS if day not in gone])
    for rows, wanted in zip(found, measure(other), strict=True):
        assert rows.equals(wanted)


def test_an_index_that_comes_a_night_late_gives_the_same_as_one_backfill(tmp_path):
    wanted = measure(home_of(tmp_path / "whole"))
    platform = home_of(tmp_path / "late", days=())
    index = platform.warehouse.read(VIX)
    late = DAYS[6]
    platform.warehouse.remove([(VIX, index.filter(pl.col("date") == late))])
    for day in DAYS:
        platform.chains.write(chain_of(day))
        found = measure(platform, day, day)
        if day == late:
            assert late not in found[0]["date"]
            platform.warehouse.write([(VIX, index.filter(pl.col("date") == late))])
    for rows, other in zip(found, wanted, strict=True):
        assert rows.equals(other)


@pytest.mark.long
def test_nothing_is_measured_twice(platform):
    before = [platform.warehouse.read(table) for table in TABLES]
    read = []
    chains = platform.chains
    original = chains.read
    chains.read = lambda keys, **options: read.append(keys) or original(keys, **options)
    measure(platform)
    assert len(read) == 1
    assert [platform.warehouse.read(table).equals(rows) for table, rows in
            zip(TABLES, before, strict=True)] == [True] * 3  # fmt: skip


@pytest.mark.long
def test_a_changed_fit_of_an_earlier_session_is_a_revision_and_its_former_numbers_are_kept(
    platform,
):
    before = platform.warehouse.read(SURFACE_FIT)
    assert not platform.warehouse.has(REVISIONS)
    platform.chains.write(chain_of(DAYS[4], vol=0.5))
    measure(platform, NEXT, NEXT)
    after, revisions = (platform.warehouse.read(table) for table in (SURFACE_FIT, REVISIONS))
    same = before.join(after, on=["date", *PRICING], how="semi", nulls_equal=True)
    changed = before.join(same, on="date", how="anti")
    assert changed["date"].to_list() == DAYS[4:]
    assert sorted(set(revisions["date"])) == DAYS[4:]
    assert revisions["cause"].unique().to_list() == ["measured anew"]
    known = dict(after.select("date", "known_from").iter_rows())
    assert {day: known[day] for day in DAYS} == {
        day: LATE if day >= DAYS[4] else EARLY for day in DAYS
    }
    versions = fit_versions(after, revisions)
    former = versions.filter(pl.col("known_from") == EARLY).sort("date")
    assert former.equals(before.select(former.columns))


def test_an_account_is_recorded_on_the_fits_that_were_known_when_it_traded(platform):
    # Stored in the nights before 2 March and 10 March opened: for the plans of 1 and of 9 March.
    platform.chains.write(chain_of(DAYS[4], vol=0.5))
    measure(platform, NEXT, NEXT)
    rows = platform.warehouse.read(SURFACE_FIT)
    versions = fit_versions(rows, platform.warehouse.read(REVISIONS))
    traded = as_traded(versions, datetime(2016, 1, 4, tzinfo=UTC))
    former, now = (versions.filter(known_from=moment, date=LAST) for moment in (EARLY, LATE))
    assert traded["date"].to_list() == [LAST, date(2016, 3, 8)]
    assert traded["level"].to_list() == [former["level"][0], now["level"][0]]
    assert traded["fitted_on"].to_list() == [LAST, LAST]
    # Of a ledger that begins later, as that of a replay, everything was known.
    whole = as_traded(versions, LATE)
    assert whole.select("date", *PRICING).equals(rows.select("date", *PRICING))


def test_a_fit_that_came_after_its_end_prices_nothing(platform):
    rows = platform.warehouse.read(SURFACE_FIT).tail(1)
    late = rows.with_columns(known_from=pl.lit(datetime(2020, 1, 2, tzinfo=UTC)))
    traded = as_traded(fit_versions(late, REVISIONS.empty()), datetime(2016, 1, 4, tzinfo=UTC))
    assert fits_of(rows)
    assert fits_of(traded) == {}


@pytest.mark.long
def test_errors_of_a_session_whose_chain_is_unusable_now_are_deleted(platform):
    blank = chain_of(DAYS[2]).with_columns(quality=pl.lit("WIDE"))
    platform.chains.write(blank)
    errors, fits, _ = measure(platform, NEXT, NEXT)
    assert DAYS[2] in fits["date"]
    assert DAYS[2] not in errors["date"]
    assert DAYS[3] in platform.warehouse.read(SURFACE_ERROR)["date"]
