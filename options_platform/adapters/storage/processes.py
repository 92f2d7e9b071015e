"""Whether a process that left a file behind still runs."""

import os


def is_running(process: int) -> bool:
    """Whether a process has this id on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
