"""`new`: writes a package with a strategy, feature, source or model of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from options_platform.commands.common import say
from options_platform.services.extending.package import write_package

USES = {
    "strategy": "Trade it: options-platform backtest --set plan.selection.strategy={name}",
    "feature": "Compute it: options-platform backfill --select features",
    "source": "Read from it: options-platform backfill, with OPTIONS_SOURCE={name}",
    "model": "Compare it: options-platform research --models {name}",
}
"""How a member is used once it is installed, by kind."""


def new(args: argparse.Namespace) -> int:
    """Write the package and say what to do next.

    Raises :class:`UsageError` for a name that cannot be used, or a folder that is not empty.
    """
    folder = Path(args.to) if args.to else Path(args.name)
    for file in write_package(args.kind, args.name, folder):
        say(f"  {file}")
    say(f"The {args.kind} {args.name} is written. Install it beside the platform, and test it:")
    say(f"  python -m pip install --editable {folder}")
    say(f"  python -m pytest {folder}")
    say(USES[args.kind].format(name=args.name))
    return 0
