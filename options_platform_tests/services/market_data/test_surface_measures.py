"""Stored real chains measure the surface and teach it, and simulated ones do not."""

import html
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.common import PartitionRange
from options_platform.contracts import CHAIN_INDEX, SURFACE_ERROR, SURFACE_FIT, VIX
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain import ChainRules, SurfaceRules
from options_platform.domain.chain.ingest import ChainGates, judge_chains
from options_platform.domain.chain.learned import LearnedSurface
from options_platform.domain.chain.ssvi import Smile
from options_platform.reporting.report import render
from options_platform.services.market_data.diagnosis import diagnose
from options_platform.services.market_data.learned_surface import measured_notes, with_fits
from options_platform.services.market_data.platform import make_platform
from options_platform.services.market_data.surface_measures import measure_surface
from options_platform_tests.fakes.chain_source import synthetic_chain
from options_platform_tests.platform import make_platform_settings

TRUE = Smile(c=0.9, p=0.16, q=0.7, rho=-0.70, wing=0.10)
DAYS = sessions(date(2016, 1, 20), date(2016, 3, 1))[::3]
FIRST, LAST = DAYS[0], DAYS[-1]
CALM = 0.1725
"""Volatility at the money in 30 days that the surface gives for an index of 20."""
TABLES = (SURFACE_ERROR, SURFACE_FIT, CHAIN_INDEX)
PROVENANCE = ("inputs_hash", "known_from")
"""Columns of when and from which files, which differ from home to home."""


def chain_of(day, source="file", smile=TRUE, vol=0.24):
    """The chain of a market that is far more volatile than its index of 20 says."""
    surface = SurfaceRules(smiles={**SurfaceRules().smiles, "SPY": smile})
    raw = synthetic_chain("SPY", day, 200.0, vol, rules=ChainRules(surface=surface))
    return judge_chains(
        raw.with_columns(date=pl.lit(day), source=pl.lit(source)),
        pl.DataFrame(schema={"date": pl.Date, "ticker": pl.String, "close": pl.Float64}),
        ChainGates(),
        rate=0.03,
        dividend=0.015,
        fetched_at=pl.Series(["2026-01-01"]).str.to_datetime(time_zone="UTC")[0],
    )


def home_of(path, days=DAYS, source="file"):
    """A platform with an index of 20 each session, and a stored chain on each of `days`."""
    settings = make_platform_settings(path, tickers=("SPY",), start=date(2015, 1, 2))
    platform = make_platform(settings)
    span = sessions(FIRST, date(2016, 3, 1))
    index = pl.DataFrame({"date": span}).with_columns(ticker=pl.lit("SPY"))
    known = {"vix": 20.0, "iv_close": 20.0, "iv_symbol": "VIX"}
    rows = index.with_columns(**{
        name: pl.lit(known.get(name), dtype) for name, dtype in VIX.schema.items()
        if name not in ("date", "ticker")
    })  # fmt: skip
    blank = {
        column.name: pl.lit(_any_value(column.dtype))
        for column in VIX.columns
        if not column.nullable and column.name not in (*known, "date", "ticker")
    }
    rows = rows.with_columns(**blank).select(VIX.schema.names()).cast(dict(VIX.schema))
    platform.warehouse.write([(VIX, rows)])
    for day in days:
        ChainStore(settings.chains_path).write(chain_of(day, source))
    return platform


def home_that_calms_down(path):
    """Chains that are far more volatile than the index says until February, then no more."""
    platform = home_of(path, days=())
    for day in DAYS:
        is_calm = day >= date(2016, 2, 1)
        own = SurfaceRules().smile_of("SPY")
        platform.chains.write(chain_of(day, smile=own, vol=CALM) if is_calm else chain_of(day))
    return platform


def damage(platform, day):
    """Overwrite the stored chain of a session with something else."""
    (file,) = (platform.settings.chains_path / "SPY").glob(f"{day}*")
    file.write_bytes(b"garbage")


def _any_value(dtype):
    return "x" if dtype == pl.String else pl.Series([0]).cast(dtype)[0]


def measure(platform, start=FIRST, end=LAST):
    measure_surface(platform, PartitionRange(start, end, ("SPY",)))
    return [platform.warehouse.read(table).drop(PROVENANCE, strict=False) for table in TABLES]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    platform = home_of(tmp_path_factory.mktemp("measured"))
    return platform, measure(platform)


def test_the_smile_and_the_level_of_the_chains_are_learned(measured):
    _, (_, fits, _) = measured
    last = fits.drop_nulls("c").row(-1, named=True)
    prior = SurfaceRules().smile_of("SPY")
    for name in ("rho", "c"):
        assert abs(last[name] - getattr(TRUE, name)) < abs(
            getattr(prior, name) - getattr(TRUE, name)
        )
    # 0.24 at the money against `CALM`, and a ridge that holds it to one.
    assert 1.05 < last["level"] < 1.3
    assert last["n_months"] == 2


def test_a_fit_needs_three_sessions_in_two_months(measured):
    _, (_, fits, _) = measured
    months = [day.month for day in DAYS]
    enough = [at >= 2 and len(set(months[: at + 1])) >= 2 for at in range(len(DAYS))]
    assert fits["c"].is_not_null().to_list() == enough
    assert enough[3:] != enough[:-3]


def test_errors_are_of_the_surface_that_was_known_before_the_session(measured):
    _, (errors, fits, _) = measured
    fitted = fits.filter("is_adopted")["date"].to_list()
    assert fitted
    for (day,), own in errors.group_by("date"):
        earlier = [other for other in fitted if other < day]
        assert own["fitted_on"].unique().to_list() == [earlier[-1] if earlier else None]


def test_what_was_learned_takes_more_than_a_third_off_the_error(measured):
    _, (errors, _, _) = measured
    mean = errors.group_by(pl.col("fitted_on").is_not_null()).agg(pl.col("mae_points").mean())
    before, after = dict(mean.iter_rows())[False], dict(mean.iter_rows())[True]
    assert before > 3.0
    assert after < 0.65 * before


def test_a_fit_is_adopted_once_three_chains_that_it_had_not_seen_were_priced_no_worse(measured):
    _, (_, fits, _) = measured
    is_fit = fits["c"].is_not_null().to_list()
    first = is_fit.index(True)
    assert fits["is_adopted"].to_list() == [
        None if not has_fit else at >= first + 3 for at, has_fit in enumerate(is_fit)
    ]
    scored = fits.drop_nulls("fit_near_points")
    assert scored["date"].to_list() == DAYS[first + 1 :]
    assert (scored["fit_near_points"] < scored["class_near_points"]).all()


def test_fits_that_price_unseen_chains_worse_than_the_class_are_not_used(tmp_path):
    platform = home_that_calms_down(tmp_path)
    errors, fits, _ = measure(platform)
    learned = fits.drop_nulls("c")
    assert learned.height == len(DAYS) - 3
    assert not learned["is_adopted"].any()
    assert (learned["fit_near_points"] > learned["class_near_points"]).drop_nulls().all()
    assert errors["fitted_on"].null_count() == errors.height
    assert with_fits(platform.settings, platform.warehouse) is platform.settings
    (note,) = measured_notes(platform.settings, platform.warehouse).values()
    assert f"; priced as its class, since up to {LAST} its own fits have not been better" in note


def test_the_index_of_a_chain_is_above_its_volatility_at_the_money(measured):
    _, (_, _, index) = measured
    assert index["date"].to_list() == DAYS
    assert ((index["index_30d"] > 24.0) & (index["index_30d"] < 28.0)).all()


def test_night_by_night_gives_the_same_as_one_backfill(measured, tmp_path):
    _, wanted = measured
    platform = home_of(tmp_path, days=())
    for day in DAYS:
        platform.chains.write(chain_of(day))
        found = measure(platform, day, day)
    for table, rows, other in zip(TABLES, wanted, found, strict=True):
        assert rows.equals(other), table.name


def test_a_chain_of_a_later_session_changes_no_earlier_row(measured, tmp_path):
    _, wanted = measured
    found = measure(home_of(tmp_path, days=DAYS[:-1]))
    for rows, other in zip(wanted, found, strict=True):
        assert rows.filter(pl.col("date") < LAST).equals(other)


def test_a_chain_that_comes_late_has_later_sessions_measured_again(measured, tmp_path):
    _, wanted = measured
    platform = home_of(tmp_path, days=[*DAYS[:1], *DAYS[2:]])
    measure(platform)
    platform.chains.write(chain_of(DAYS[1]))
    found = measure(platform, LAST, LAST)
    for rows, other in zip(wanted, found, strict=True):
        assert rows.equals(other)


def test_a_damaged_chain_is_left_out_with_a_warning_and_the_others_are_measured(tmp_path, caplog):
    """Night by night as in one backfill, and as if it had been stored without any good quote."""
    platform = home_of(tmp_path / "nights", days=DAYS[:-1])
    measure(platform)
    damage(platform, DAYS[-2])
    platform.chains.write(chain_of(LAST))
    measure(platform, LAST, LAST)
    assert f"SPY on {DAYS[-2]} has no chain: {platform.settings.chains_path}" in caplog.text
    assert platform.warehouse.read(SURFACE_FIT)["date"].to_list() == DAYS
    other = home_of(tmp_path / "backfill")
    damage(other, FIRST)
    damage(other, DAYS[-2])
    errors, fits, index = measure(other)
    assert fits["date"].to_list() == DAYS
    kept = [day for day in DAYS if day not in (FIRST, DAYS[-2])]
    assert errors["date"].unique().sort().to_list() == index["date"].to_list() == kept
    assert fits["n_sessions"][-1] == len(kept)
    # The damaged chain is not tried anew each night.
    day = date(2016, 3, 2)
    written = measure_surface(other, PartitionRange(day, day, ("SPY",)))
    assert not any(rows.height for _, rows in written)


def test_simulated_chains_never_teach_the_surface(tmp_path):
    platform = home_of(tmp_path, source="simulated")
    assert [rows.height for rows in measure(platform)] == [0, 0, 0]
    assert not platform.warehouse.has(SURFACE_FIT)
    assert with_fits(platform.settings, platform.warehouse) is platform.settings


def test_plans_and_backtests_take_the_fits_unless_they_are_told_not_to(measured):
    platform, _ = measured
    settings = with_fits(platform.settings, platform.warehouse)
    surface = settings.plan.chain.surface
    assert isinstance(surface, LearnedSurface)
    assert settings.backtest_rules.chain.surface is surface
    plain = replace(platform.settings.plan.chain.surface, learn=False)
    chain = replace(platform.settings.plan.chain, surface=plain)
    off = replace(platform.settings, plan=replace(platform.settings.plan, chain=chain))
    assert with_fits(off, platform.warehouse) is off


def test_the_measured_error_is_said_with_its_sessions(measured):
    platform, (errors, _, _) = measured
    (note,) = measured_notes(platform.settings, platform.warehouse).values()
    near = errors.filter(pl.col("band") != "2-10")
    mean = (near["mae_points"] * near["n"]).sum() / near["n"].sum()
    assert note.startswith(f"synthetic volatilities are {mean:.1f} vol points off")
    assert f"on {len(DAYS)} sessions, {FIRST} to {LAST}" in note
    assert note.endswith(f"its own fit is of {LAST}")
    said = {found.what: found.detail for found in diagnose(platform.settings)}
    assert said["prices of SPY"] == note
    page = render(platform.settings, platform.warehouse, now=datetime(2016, 3, 2, tzinfo=UTC))
    assert f"SPY: {note}." in html.unescape(page)
