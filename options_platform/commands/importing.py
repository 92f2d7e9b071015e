"""`import`: converts downloaded files into the layout of the source csv."""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from options_platform.commands.common import print_json, say
from options_platform.errors import UsageError
from options_platform.settings import load_settings


def import_files(args: argparse.Namespace) -> int:
    """Convert the files and print each result; writes nothing unless all can be converted.

    Raises :class:`UsageError` if a file to write exists and is not to be replaced.
    """
    from options_platform.adapters.sources.files.conversion import Request, convert

    folder = Path(args.to) if args.to else _csv_folder()
    request = Request(
        ticker=args.ticker,
        session=args.session,
        no_splits=args.no_splits,
        no_dividends=args.no_dividends,
        whole=args.whole,
    )
    tables = convert([Path(name) for name in args.files], request)
    existing = [table.name for table in tables if (folder / table.name).exists()]
    if existing and not args.replace:
        raise UsageError(f"{folder / existing[0]} exists; to replace it: --replace")
    for table in tables:
        path = folder / table.name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        table.rows.write_csv(new)
        new.replace(path)
    if args.json:
        print_json(
            [
                {"file": folder / table.name, "rows": table.rows.height, "from": table.origin}
                for table in tables
            ]
        )
        return 0
    for table in tables:
        span = _span(table.rows)
        say(f"{folder / table.name}: {table.rows.height} rows{span}, from {table.origin}")
    return 0


def _span(rows: pl.DataFrame) -> str:
    if "date" not in rows.columns or rows.is_empty():
        return ""
    first, last = rows["date"].min(), rows["date"].max()
    return f", {first!s} to {last!s}"


def _csv_folder() -> Path:
    from os import pathsep

    folders = [part for part in load_settings().csv_dir.split(pathsep) if part]
    if not folders:
        raise UsageError("name the folder to write to: --to FOLDER, or set OPTIONS_CSV_DIR")
    return Path(folders[0]).expanduser()
