"""The settings: one frozen, typed object, read from the environment and a file at one place.

Other folders import them from here. Rules of the domain bring settings of their own, which
`settings.py` puts together.
"""

from options_platform.settings.keys import field_names, names_of
from options_platform.settings.loading import (
    ALERT_URLS,
    ESCALATION_URLS,
    HEARTBEAT_URL,
    STARTED_BY,
    load_settings,
    make_settings,
    settings_without_effect,
)
from options_platform.settings.secrets import read_secret
from options_platform.settings.settings import Settings

__all__ = [
    "ALERT_URLS",
    "ESCALATION_URLS",
    "HEARTBEAT_URL",
    "STARTED_BY",
    "Settings",
    "field_names",
    "load_settings",
    "make_settings",
    "names_of",
    "read_secret",
    "settings_without_effect",
]
