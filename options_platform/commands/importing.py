"""`import`: converts downloaded files into files that the source csv reads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from options_platform.commands.common import print_json, say
from options_platform.errors import UsageError
from options_platform.formats import count
from options_platform.settings import load_settings

if TYPE_CHECKING:
    from options_platform.adapters.sources.files.bulk.head import Head
    from options_platform.adapters.sources.files.bulk.importing import ImportedChains
    from options_platform.adapters.sources.files.conversion import Imported


def import_files(args: argparse.Namespace) -> int:
    """Convert the files and print each result.

    Prices, actions and earnings are written only if all of them can be converted; option chains are
    written after them, month by month. Raises :class:`UsageError` if a file to write exists and is
    not to be replaced.
    """
    from options_platform.adapters.sources.files.bulk.head import chain_head
    from options_platform.adapters.sources.files.conversion import Request, convert
    from options_platform.domain.market.bars import require_ticker

    if args.ticker is not None:
        require_ticker(args.ticker)
    folder = Path(args.to) if args.to else _csv_folder()
    paths = [Path(name) for name in args.files]
    heads = {path: chain_head(path) for path in paths}
    request = Request(
        ticker=args.ticker,
        no_splits=args.no_splits,
        no_dividends=args.no_dividends,
        whole=args.whole,
    )
    tables = convert([path for path in paths if heads[path] is None], request)
    _write(tables, folder, replace=args.replace)
    chains = [head for head in heads.values() if head is not None]
    imported = [_import_chains(head, folder / "options", args) for head in chains]
    if args.json:
        print_json([*_table_rows(tables, folder), *_chain_rows(imported, chains)])
        return 0
    for table in tables:
        span = _span(table.rows)
        say(f"{folder / table.name}: {count(table.rows.height, 'row')}{span}, from {table.origin}")
    for result, head in zip(imported, chains, strict=True):
        say(_sentence(result, head, folder / "options"))
    return 0


def _write(tables: Sequence[Imported], folder: Path, *, replace: bool) -> None:
    existing = [table.name for table in tables if (folder / table.name).exists()]
    if existing and not replace:
        raise UsageError(f"{folder / existing[0]} exists; to replace it: --replace")
    for table in tables:
        path = folder / table.name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        table.rows.write_csv(new)
        new.replace(path)


def _import_chains(head: Head, folder: Path, args: argparse.Namespace) -> ImportedChains:
    from options_platform.adapters.sources.files.bulk.importing import ChainRequest, import_chains
    from options_platform.adapters.sources.files.conversion import ticker_of

    ticker = args.ticker
    if ticker is None and "ticker" not in head.columns:
        ticker = ticker_of(head.path)
    request = ChainRequest(
        ticker=ticker,
        only=args.ticker,
        session=args.session,
        whole=args.whole,
        replace=args.replace,
    )
    if not sys.stderr.isatty():
        return import_chains(head, folder, request)

    def show(quotes: int) -> None:
        print(f"\r{head.path.name}: {quotes:,} quotes", end="", file=sys.stderr, flush=True)

    result = import_chains(head, folder, request, show)
    print(file=sys.stderr)
    return result


def _table_rows(tables: Sequence[Imported], folder: Path) -> list[dict[str, object]]:
    return [
        {"file": folder / table.name, "rows": table.rows.height, "from": table.origin}
        for table in tables
    ]


def _chain_rows(
    results: Sequence[ImportedChains], heads: Sequence[Head]
) -> list[dict[str, object]]:
    return [
        {
            "from": f"chain of {head.layout.name}",
            "read_from": result.path,
            "quotes": result.read,
            "written": result.written,
            "refused": result.refused,
            "of_other_tickers": result.others,
            "months": result.months,
            "refusals": result.refusals,
            "was_imported_before": result.was_done,
        }
        for result, head in zip(results, heads, strict=True)
    ]


def _sentence(result: ImportedChains, head: Head, folder: Path) -> str:
    """One line: quotes read, written and refused, the files, and the layout."""
    months = sorted(result.months)
    files = f" to {months[0]}.parquet" if months else ""
    if len(months) > 1:
        files = f" to {count(len(months), 'file')}, {months[0]} to {months[-1]}"
    parts = [f"{result.read:,} quotes read", f"{result.written:,} written{files} in {folder}"]
    if result.refused:
        parts.append(f"{result.refused:,} refused, listed in {result.refusals}")
    if result.others:
        parts.append(f"{result.others:,} of other tickers")
    before = "; already imported before" if result.was_done else ""
    return f"{result.path.name}: {', '.join(parts)}; chains of {head.layout.name}{before}"


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
