"""Runs the command line of Dagster without two remarks that mislead in this repository.

`dagster dev` warns of a `dagster.yaml` in the working directory that DAGSTER_HOME overrules, where
both lead to the same home, and recommends `dg dev`, which is not installed.
"""

import logging
import runpy
import sys
import warnings

OVERRULED = "Found a dagster instance configuration value"


def _concerns_this_home(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(OVERRULED)


if __name__ == "__main__":
    logging.getLogger("dagster").addFilter(_concerns_this_home)
    warnings.filterwarnings("ignore", "Function `dev_command` is superseded")
    sys.argv[0] = "dagster"
    runpy.run_module("dagster", run_name="__main__")
