"""Reads Parquet with time zones that are a bare offset, such as +05:30, unknown to Polars."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

OFFSET = re.compile(r"[+-]\d{2}:?\d{2}")


def read_parquet(content: bytes) -> pl.DataFrame:
    """The columns of the file; a timestamp with a bare offset becomes ISO text with that offset.

    Raises the errors of Polars for an unreadable file, and its ComputeError for an unknown zone.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(pa.BufferReader(content))
    except (pa.ArrowException, OSError):
        return pl.read_parquet(content)
    for field in schema:
        _require_zone(field.name, field.type)
    if not any(_has_bare_offset(field.type) for field in schema):
        return pl.read_parquet(content)
    table = pq.read_table(pa.BufferReader(content))
    for at, field in enumerate(schema):
        if _has_bare_offset(field.type):
            table = table.set_column(at, field.name, _as_text(table.column(at), field.type))
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 (a table has columns)
    return frame


def _zone(kind: Any) -> str | None:
    import pyarrow as pa

    return kind.tz if pa.types.is_timestamp(kind) else None


def _has_bare_offset(kind: Any) -> bool:
    return OFFSET.fullmatch(_zone(kind) or "") is not None


def _require_zone(name: str, kind: Any) -> None:
    zone = _zone(kind)
    if zone is None or _has_bare_offset(kind):
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        # Polars panics on such a zone.
        raise pl.exceptions.ComputeError(f"{name} has the time zone {zone!r}, none known") from None


def _as_text(stamps: Any, kind: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    walls = pc.local_timestamp(stamps).cast(pa.timestamp("us"), safe=False)
    zones = pa.array([kind.tz] * len(walls))
    return pc.binary_join_element_wise(pc.strftime(walls, format="%Y-%m-%dT%H:%M:%S"), zones, "")
