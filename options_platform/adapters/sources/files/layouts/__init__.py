"""The known layouts of files, each recognised by its header.

A new publisher is one entry in the module of its kind. An entry names columns and says how prices
are adjusted; parsing numbers and dates belongs to `files/text/`.
"""

from __future__ import annotations

from options_platform.adapters.sources.files.layouts.chains import CHAINS
from options_platform.adapters.sources.files.layouts.events import ACTIONS, EARNINGS
from options_platform.adapters.sources.files.layouts.layout import Kind, Layout, Match, recognise
from options_platform.adapters.sources.files.layouts.prices import BARS, INDICES

# Of the layouts that fit a header, the one that requires most columns is used; of equals the first.
LAYOUTS: tuple[Layout, ...] = (*CHAINS, *BARS, *ACTIONS, *EARNINGS, *INDICES)

__all__ = ["LAYOUTS", "Kind", "Layout", "Match", "recognise"]
