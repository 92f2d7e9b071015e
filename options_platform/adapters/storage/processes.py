"""Whether a process that left a file behind still runs."""

import os


def is_running(process: int) -> bool:
    """Whether another process has this id."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
