"""`import`: downloaded files converted into the csv layout, and what was made of each."""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from options_platform.commands.common import print_json, say
from options_platform.errors import UsageError
from options_platform.settings import load_settings


def import_files(args: argparse.Namespace) -> int:
    """Convert the files; nothing is written unless all can be."""
    from options_platform.adapters.sources.files.conversion import Request, convert

    folder = Path(args.to) if args.to else _csv_folder()
    request = Request(
        ticker=args.ticker,
        session=args.session,
        no_splits=args.no_splits,
        no_dividends=args.no_dividends,
        whole=args.whole,
    )
    made = convert([Path(name) for name in args.files], request)
    present = [one.name for one in made if (folder / one.name).exists()]
    if present and not args.replace:
        raise UsageError(f"{folder / present[0]} exists; to replace it: --replace")
    for one in made:
        path = folder / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        one.rows.write_csv(new)
        new.replace(path)
    if args.json:
        print_json(
            [{"file": folder / one.name, "rows": one.rows.height, "from": one.said} for one in made]
        )
        return 0
    for one in made:
        say(f"{folder / one.name}: {one.rows.height} rows{_span(one.rows)}, from {one.said}")
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
        raise UsageError("say where to write: --to FOLDER, or set OPTIONS_CSV_DIR")
    return Path(folders[0]).expanduser()
