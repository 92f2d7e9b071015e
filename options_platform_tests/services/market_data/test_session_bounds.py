from datetime import date, datetime

from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.services.market_data.session_bounds import first_date, newest_date
from options_platform.settings import make_settings


def settings_of(home, **changes):
    return make_settings(
        {"home": home, "source": "simulated", "start": date(2015, 1, 2), **changes}
    )


def test_dates_are_bounded_by_the_settings(tmp_path):
    now = datetime(2026, 1, 5, 12, tzinfo=NEW_YORK)
    assert newest_date(settings_of(tmp_path), now) == date(2026, 1, 2)
    assert newest_date(settings_of(tmp_path, end=date(2024, 7, 4)), now) == date(2024, 7, 3)
    assert first_date(settings_of(tmp_path, start=date(2015, 1, 1))) == date(2015, 1, 2)
