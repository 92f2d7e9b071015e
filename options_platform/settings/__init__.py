"""The settings: one frozen, typed object, read from the environment and a file at one place.

Other folders import them from here. Rules of the domain bring settings of their own, which
`settings.py` puts together.
"""

from options_platform.settings.settings import (
    ALERT_URLS,
    Settings,
    field_names,
    load_settings,
    make_settings,
)

__all__ = [
    "ALERT_URLS",
    "Settings",
    "field_names",
    "load_settings",
    "make_settings",
]
