"""The files of imported chains: `TICKER_YYYY-MM.parquet`, one row group a session.

So a session is read with one row group, whatever else the month has. The file's metadata name the
import of each session: another import of the same session is refused unless it may replace it.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from options_platform.adapters.sources.files.bulk.spool import Part, Spool
from options_platform.errors import SourceError, UsageError

IMPORTS = b"options_platform_imports"
# Columns with few values, worth a dictionary; of prices and greeks it costs more than it saves.
FEW_VALUES = ["session", "expiry", "right", "strike", "spot"]


@dataclass(frozen=True)
class MonthFile:
    """A written file: its path, and the quotes and sessions in it that the import gave."""

    path: Path
    rows: int
    sessions: tuple[date, ...]


def write_months(spool: Spool, folder: Path, fingerprint: str, *, replace: bool) -> None:
    """Write the quotes of a complete spool into the month files of `folder`.

    Raises :class:`UsageError`, before anything is written, if a file has one of the sessions from
    another import and may not `replace` it.
    """
    months: dict[str, list[Part]] = defaultdict(list)
    for part in spool.parts():
        months[f"{part.ticker}_{part.month}"].append(part)
    paths = {name: folder / f"{name}.parquet" for name in months}
    for name, parts in months.items():
        if paths[name].exists() and not replace:
            _require_no_conflict(paths[name], _sessions_of(parts), fingerprint)
    for name, parts in sorted(months.items()):
        if name not in spool.progress.months:
            rows = _write_month(paths[name], spool, parts, fingerprint)
            spool.progress.months[name] = rows
            spool.save()


def sessions_in(path: Path) -> dict[str, str]:
    """The import of each session in a month file, by date; empty for a file of another origin."""
    import pyarrow.parquet as pq

    stored = (pq.read_schema(path).metadata or {}).get(IMPORTS, b"{}")
    imports: dict[str, str] = json.loads(stored)
    return imports


def _sessions_of(parts: Sequence[Part]) -> set[str]:
    return {session for part in parts for session in part.sessions}


def _require_no_conflict(path: Path, sessions: set[str], fingerprint: str) -> None:
    stored = sessions_in(path)
    if not stored:
        raise UsageError(f"{path} exists and was not imported; to replace it: --replace")
    others = sorted(day for day in sessions if stored.get(day, fingerprint) != fingerprint)
    if others:
        raise UsageError(
            f"{path} has the session {others[0]}{_and_more(others)} from another file; "
            "to replace it: --replace"
        )


def _and_more(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _write_month(path: Path, spool: Spool, parts: Sequence[Part], fingerprint: str) -> int:
    quotes = pl.concat([spool.quotes(part) for part in parts])
    rows = quotes.height
    imports = dict.fromkeys(_sessions_of(parts), fingerprint)
    if path.exists() and (stored := sessions_in(path)):
        kept = {day: name for day, name in stored.items() if day not in imports}
        before = pl.read_parquet(path, hive_partitioning=False)
        before = before.filter(pl.col("session").cast(pl.String).is_in(list(kept)))
        quotes = pl.concat([before, quotes], how="diagonal")
        imports |= kept
    if not quotes["session"].is_sorted():
        quotes = quotes.sort("session", maintain_order=True)
    _write(path, quotes, dict(sorted(imports.items())))
    return rows


def _write(path: Path, quotes: pl.DataFrame, imports: dict[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table: Any = quotes.to_arrow(compat_level=pl.CompatLevel.oldest())
    table = table.replace_schema_metadata({IMPORTS: json.dumps(imports)})
    lengths = quotes["session"].rle().struct.field("len").to_list()
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            with pq.ParquetWriter(
                file,
                table.schema,
                compression="snappy",
                use_dictionary=FEW_VALUES,
                # Only sessions are looked for.
                write_statistics=["session"],
            ) as writer:
                at = 0
                for length in lengths:
                    writer.write_table(table.slice(at, length), row_group_size=max(length, 1))
                    at += length
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path} cannot be written ({error})") from error
    finally:
        part.unlink(missing_ok=True)
