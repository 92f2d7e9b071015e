"""The layouts of files that can be read, each recognised by its header.

A new vendor is one entry in the file of its kind. Here stand what columns are called and what
prices mean; how text becomes numbers and dates stands in `text/numbers.py` and `text/dates.py`.
"""

from __future__ import annotations

from options_platform.adapters.sources.files.layouts.chains import CHAINS
from options_platform.adapters.sources.files.layouts.events import ACTIONS, EARNINGS
from options_platform.adapters.sources.files.layouts.layout import Kind, Layout, Match, recognise
from options_platform.adapters.sources.files.layouts.prices import BARS, INDICES

# Of those that fit a header, the one that needs most columns counts, and of equals the first.
LAYOUTS: tuple[Layout, ...] = (*CHAINS, *BARS, *ACTIONS, *EARNINGS, *INDICES)

__all__ = ["LAYOUTS", "Kind", "Layout", "Match", "recognise"]
