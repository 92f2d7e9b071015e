"""Creates the home and Dagster's databases in it: `python -m options_platform.serving.prepare`.

Dagster makes its databases when an instance opens, and two processes that open a new home at once
can meet: the second fails with a table that exists already. So this runs before both.
"""

import sys

from options_platform.adapters.storage.home import enter_home, prepare_home
from options_platform.errors import PlatformError
from options_platform.serving.instance import open_instance
from options_platform.settings import load_settings


def main() -> int:
    """0, or 2 with one line on standard error if there can be no home."""
    try:
        settings = load_settings()
        prepare_home(settings)
        enter_home(settings)
        with open_instance(settings.dagster_home) as instance:
            instance.get_runs_count()
    except PlatformError as error:
        print(f"options-platform: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
