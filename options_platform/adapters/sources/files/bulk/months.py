"""The files of imported chains: `TICKER_YYYY-MM.parquet`, one row group a session.

So a session is read with one row group, whatever else the month has. The file's metadata name the
imports of each session, as long as the file holds all of their quotes of it.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from options_platform.adapters.sources.files.bulk.head import chain_head
from options_platform.adapters.sources.files.bulk.merging import Merged, merge
from options_platform.adapters.sources.files.bulk.session import read_all_sessions
from options_platform.adapters.sources.files.bulk.spool import Part, Spool
from options_platform.errors import SourceError, UsageError

IMPORTS = b"options_platform_imports"
# Columns with few values, worth a dictionary; of prices and greeks it costs more than it saves.
FEW_VALUES = ["session", "expiry", "right", "strike", "spot"]

# Values of a column that are encoded at once: most of a session.
BATCH = 16_384


def write_months(spool: Spool, folder: Path, fingerprint: str, *, replace: bool) -> None:
    """Write the quotes of a complete spool into the month files of `folder`.

    Raises :class:`UsageError`, before anything is written, if a file has quotes that would be
    overwritten with others, or is of another origin, and may not `replace` it.
    """
    months: dict[str, list[Part]] = defaultdict(list)
    for part in spool.parts():
        months[f"{part.ticker}_{part.month}"].append(part)
    months = {name: months[name] for name in sorted(months) if name not in spool.progress.months}
    paths = {name: folder / f"{name}.parquet" for name in months}
    if not replace:
        for name, parts in months.items():
            _require_no_loss(paths[name], spool, parts)
    for name, parts in months.items():
        rows = _write_month(paths[name], spool, parts, fingerprint)
        spool.progress.months[name] = rows
        spool.progress.sessions[name] = _sessions_of(parts)
        spool.save()


def sessions_in(path: Path) -> dict[str, list[str]]:
    """The imports of each session in a month file, by date; empty for a file of another origin."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        stored = (pq.read_schema(path).metadata or {}).get(IMPORTS, b"{}")
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path} cannot be read ({error}); move it away") from error
    imports: dict[str, str | list[str]] = json.loads(stored)
    return {day: [one] if isinstance(one, str) else one for day, one in imports.items()}


def holds_sessions(path: Path, days: Sequence[str] | None, fingerprint: str) -> bool:
    """Whether a month file holds the quotes of an import for each of its days."""
    if days is None or not path.exists():
        return False
    stored = sessions_in(path)
    return all(fingerprint in stored.get(day, ()) for day in days)


def _sessions_of(parts: Sequence[Part]) -> list[str]:
    return sorted({session for part in parts for session in part.sessions})


def _require_no_loss(path: Path, spool: Spool, parts: Sequence[Part]) -> None:
    if not path.exists():
        return
    stored = sessions_in(path)
    if not stored:
        own = _stored_quotes(path, stored)
        count = own["session"].n_unique()
        raise UsageError(
            f"{path} exists and was not imported; --replace would rewrite it in the platform's "
            f"layout with its {_counted(own)} of {count} session{'s' * (count != 1)}, "
            f"{_dropped(path)}{_loss(merge(own, _new_quotes(spool, parts)))}"
        )
    if not any(day in stored for day in _sessions_of(parts)):
        return
    merged = merge(_stored_quotes(path, stored), _new_quotes(spool, parts))
    if merged.lost.height:
        days = sorted(merged.lost["session"].cast(pl.String).unique())
        raise UsageError(
            f"{path} has the session {days[0]}{_and_more(days)} from another file"
            f"{_loss(merged)}; to replace it: --replace"
        )


def _dropped(path: Path) -> str:
    """The columns of a file of another origin that the platform does not store, in words."""
    head = chain_head(path)
    names = [] if head is None else [name for name in head.names if name not in head.used]
    return f"without its columns {', '.join(names)}" if names else "with all of its columns"


def _loss(merged: Merged) -> str:
    """What would be overwritten, in words."""
    if merged.lost.is_empty():
        return ""
    gone = merged.unreplaced
    without = f", {gone} of them of contracts that the new file does not have" if gone else ""
    return (
        f"; {_counted(merged.lost)} would be overwritten{without}, and the other "
        f"{merged.kept.height + merged.same} stay"
    )


def _counted(quotes: pl.DataFrame) -> str:
    counts = dict(quotes.group_by("right").len().sort("right").iter_rows())
    return " and ".join(f"{count} {right}{'s' * (count != 1)}" for right, count in counts.items())


def _and_more(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _new_quotes(spool: Spool, parts: Sequence[Part]) -> pl.DataFrame:
    return pl.concat([spool.quotes(part) for part in parts])


def _stored_quotes(path: Path, stored: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """The quotes of a month file; one of another origin is read by its layout."""
    if stored:
        return pl.read_parquet(path, hive_partitioning=False)
    return read_all_sessions(path, path.stem.rsplit("_", 1)[0])


def _write_month(path: Path, spool: Spool, parts: Sequence[Part], fingerprint: str) -> int:
    days = _sessions_of(parts)
    imports: dict[str, list[str]] = {}
    if not path.exists():
        quotes = new = _new_quotes(spool, parts)
    else:
        imports = sessions_in(path)
        new = _new_quotes(spool, parts)
        merged = merge(_stored_quotes(path, imports), new)
        quotes = pl.concat([merged.kept, new], how="diagonal")
        # Other imports of a session are no longer whole if any of its quotes was overwritten.
        imports |= {day: [] for day in merged.lost["session"].cast(pl.String).unique()}
    for day in days:
        imports[day] = sorted({*imports.get(day, ()), fingerprint})
    for day in quotes["session"].unique().cast(pl.String):
        imports.setdefault(day, [])
    if not quotes["session"].is_sorted():
        quotes = quotes.sort("session", maintain_order=True)
    _write(path, quotes, dict(sorted(imports.items())))
    return new.height


def _write(path: Path, quotes: pl.DataFrame, imports: Mapping[str, Sequence[str]]) -> None:
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
                write_batch_size=BATCH,
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
