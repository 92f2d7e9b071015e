"""Runs a command of the platform in the test's process, which saves the start of one."""

import contextlib
import io
import logging
import os
from subprocess import CompletedProcess
from unittest.mock import patch

from options_platform.cli import main


def run_here(arguments, folder, environment):
    """What a process with these arguments, folder and environment ends with and prints.

    All that a command changes in its process is as before at the end: environment, umask and logs.
    """
    out, err = io.StringIO(), io.StringIO()
    mask = os.umask(0o022)
    logger = logging.getLogger("options_platform")
    handlers = list(logger.handlers)
    try:
        with (
            patch.dict(os.environ, environment, clear=True),
            contextlib.chdir(folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                code = main(list(arguments))
            except SystemExit as end:
                code = end.code
    finally:
        os.umask(mask)
        for handler in set(logger.handlers) - set(handlers):
            logger.removeHandler(handler)
            handler.close()
    return CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
