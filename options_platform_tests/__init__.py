"""The tests of :mod:`options_platform`, in the same places as what they test.

Polars computes on one thread here: two workers share two cores, and the frames are small. Processes
that tests start have as many threads as a user's.
"""

import os


def _polars_on_one_thread() -> None:
    asked = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = asked or "1"
    import polars as pl

    # From here on the number of threads is fixed, and the variable no longer read.
    pl.thread_pool_size()
    if asked is None:
        del os.environ["POLARS_MAX_THREADS"]


_polars_on_one_thread()
