"""The argument parser: a mistake is one line, with the nearest thing that exists."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from options_platform.errors import UsageError, nearest


class Parser(argparse.ArgumentParser):
    """An argument parser that reports errors as the platform does: one line, exit code 2."""

    _is_intermixing = False

    def error(self, message: str) -> NoReturn:
        """Raise :class:`UsageError`, which `main` prints."""
        raise UsageError(f"{message}; see: {self.prog} --help")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Name the nearest command, or choice of an argument, in place of a list of all."""
        if action.choices is None or value in action.choices:
            return
        names = [str(choice) for choice in action.choices]
        what = "command" if isinstance(action, argparse._SubParsersAction) else _named(action)  # noqa: SLF001
        self.error(f"unknown {what} {value!r}; {nearest(str(value), names)}")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """The arguments of a command, in any order: a name may follow an option."""
        if self._is_intermixing or subparsers(self):
            return super().parse_known_args(args, namespace)
        self._is_intermixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_intermixing = False

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """The arguments; an option that the command does not have is named with the nearest."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            _refuse(_parser_of(self, getattr(found, "command", None)), unknown)
        return found


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands of a parser, by name; empty if it has none."""
    for action in parser._actions:  # noqa: SLF001 (argparse has no public way)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return {}


def _refuse(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    option = next((word.partition("=")[0] for word in unknown if word.startswith("-")), None)
    if option is None:
        parser.error(f"unexpected argument {unknown[0]!r}")
    parser.error(f"unknown option {option}; {nearest(option, _options(parser))}")


def _parser_of(parser: Parser, command: str | None) -> argparse.ArgumentParser:
    return subparsers(parser).get(command or "", parser)


def _named(action: argparse.Action) -> str:
    return action.option_strings[-1] if action.option_strings else action.dest


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [name for action in parser._actions for name in action.option_strings if name != "-h"]  # noqa: SLF001
