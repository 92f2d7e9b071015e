"""`completion`: the script by which a shell completes commands, options and their choices."""

from __future__ import annotations

import argparse

from options_platform.commands.terminal.arguments import build_parser
from options_platform.commands.terminal.parser import subparsers
from options_platform.errors import PlatformError

FILES = ("--to", "--csv", "--home", "archive", "files")
"""Arguments that take a file or a folder."""


def completion(args: argparse.Namespace) -> int:
    """Print the completion script of a shell.

    Raises :class:`PlatformError` if the library that writes it is not installed.
    """
    print(completion_script(args.shell))
    return 0


def completion_script(shell: str) -> str:
    """The completion script of `bash`, `zsh` or `fish`; it starts no Python when it is used."""
    try:
        import shtab
    except ImportError as error:
        raise PlatformError("completion needs shtab; install it: pip install shtab") from error
    parser = build_parser()
    for one in (parser, *subparsers(parser).values()):
        for action in one._actions:  # noqa: SLF001 (argparse has no public way)
            if {action.dest, *action.option_strings} & set(FILES):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell=shell))
