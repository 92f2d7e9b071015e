"""Dagster's SQLite event log with batches: one transaction per batch and database.

A run over a range reports two events per partition and asset. For every event the stock storage
opens two databases, each with its own transaction and disk flush; here a batch of events
(`DAGSTER_EVENT_BATCH_SIZE`) is one transaction in the run's database and one in the index. The
plan of a range is one event per asset with the range, not one per partition. Readers see the same
as with the stock storage: partitions materialised, in progress and failed, and run logs.

It rests on interfaces that Dagster keeps to itself: :mod:`.event_log` uses it only in the releases
that it was tested with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as db
from dagster._core.definitions.events import AssetKey
from dagster._core.definitions.partitions.utils import (
    MultiPartitionKey,
    get_tags_from_multi_partition_key,
)
from dagster._core.errors import DagsterInvariantViolationError
from dagster._core.event_api import EventLogRecord, EventRecordsFilter
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.base import PlannedMaterializationInfo
from dagster._core.storage.event_log.schema import (
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from options_platform.adapters.event_frames import CREATE, KEEP, reads_short_texts
from options_platform.adapters.event_json import MATERIALISATION, OF_PARTITION, EventTexts
from options_platform.adapters.storage.storage_faults import storage_fault

KEPT_ENGINES = 16
# An event takes some 1.3 KB: pages of 4 KB, SQLite's default, would be a third empty. A database
# keeps the page size it was created with.
PAGE_SIZE = 32768

LONG_BATCH = 200
"""Events of a batch above which they are stored by frames (:mod:`.event_frames`), and a run's log
has materialisations without metadata and tags."""

NOT_LOOKED_UP = {"asset_key": None, "partition": None}
IDLE_INDEXES = "idx_events_by_asset", "idx_events_by_asset_partition", "idx_events_by_run_id"
"""What readers need in the index alone: a run's own database has one run, and is read in order."""

OF_ASSETS = frozenset(kind.value for kind in ASSET_EVENTS)
MIRRORED = OF_ASSETS | {
    kind.value for kind in (*ASSET_CHECK_EVENTS, *EVENT_TYPE_TO_PIPELINE_RUN_STATUS)
}
"""Types of events that the index has as well as the run's database."""

Row = dict[str, Any]
AssetEvent = tuple[EventLogEntry, Row, int]
"""An event, its row and its storage id."""


class BatchedEventLogStorage(SqliteEventLogStorage):
    """The stock SQLite storage with batches, and without a new engine for each event."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data=inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> BatchedEventLogStorage:
        """The storage for a `dagster.yaml`, whatever Dagster's release."""
        return cls(inst_data=inst_data, **config_value)

    def _event_to_row(self, event: EventLogEntry) -> Row:
        """The stock row with compact JSON, see :mod:`.event_json`."""
        return self._row(event, EventTexts())

    def _row(self, event: EventLogEntry, texts: EventTexts, *, short: bool = False) -> Row:
        inner = event.dagster_event
        key = inner.asset_key if inner else None
        return {
            "run_id": event.run_id,
            "event": texts.short(event) if short else texts.whole(event),
            "dagster_event_type": inner.event_type_value if inner else None,
            "timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "step_key": inner.step_key if inner else event.step_key,
            "asset_key": key.to_string() if key else None,
            "partition": inner.partition if inner else None,
        }

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the events in order, in one transaction per database.

        Materialisations of an asset are sorted by partition: Dagster's order is that of a set,
        which would show a random partition as the asset's newest. The log of a run repeats what the
        index has; for thousands of partitions it is without their metadata and tags.
        """
        texts = EventTexts()
        is_long = len(events) > LONG_BATCH
        stored = [(event, self._row(event, texts, short=is_long)) for event in events]
        if all(row["dagster_event_type"] == MATERIALISATION for _, row in stored):
            stored.sort(key=_asset_and_partition)
        logged = [row for _, row in stored]
        if is_long:
            logged = [
                {**row, **NOT_LOOKED_UP, "event": texts.short(event, bare=True)}
                if row["dagster_event_type"] == MATERIALISATION
                else row
                for event, row in stored
            ]
        for run_id in dict.fromkeys(event.run_id for event in events):
            of_run = [row for row in logged if row["run_id"] == run_id]
            with self.run_connection(run_id) as connection:
                _keep_frames(connection, texts)
                if is_long:
                    _drop_idle_indexes(connection)
                _insert(connection, SqlEventLogStorageTable, of_run)

        mirrored = [(event, row) for event, row in stored if row["dagster_event_type"] in MIRRORED]
        if not mirrored:
            return
        with self.index_connection() as connection:
            # Take the write lock first, so that no other process uses the ids.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _keep_frames(connection, texts)
            ids = _insert_in_order(connection, [row for _, row in mirrored])
            asset_events = [
                (event, row, storage_id)
                for (event, row), storage_id in zip(mirrored, ids, strict=True)
                if row["dagster_event_type"] in OF_ASSETS
            ]
            if asset_events:
                self._store_tags(
                    connection,
                    [(row, n, self._tags_for_asset_event(event)) for event, row, n in asset_events],
                )
                self._store_asset_keys(connection, asset_events)
        for (event, _), storage_id in zip(mirrored, ids, strict=True):
            if event.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, storage_id)

    def store_range(
        self,
        first: EventLogEntry,
        partitions: Sequence[str],
        metadata: Mapping[str, Mapping[str, Any]],
        tags: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Store what `first` says of its partition for all, with metadata and tags of each.

        One transaction a database, as for a batch of their events.
        """
        made = first.get_dagster_event().step_materialization_data.materialization
        keys = sorted(partitions)
        shared = {k: v for k, v in (made.tags or {}).items() if not k.startswith(OF_PARTITION)}
        own = {} if tags is None else tags
        tags = {key: {**shared, **_tags_of(key), **own.get(key, {})} for key in keys}
        told = {key: metadata[key] for key in keys}
        texts = EventTexts()
        row = self._row(first, texts)
        whole = texts.of_partitions(first, told, tags)
        bare = texts.of_partitions(first, told, tags, bare=True)
        if whole is None or bare is None:
            raise DagsterInvariantViolationError(f"no frame for the events of {row['asset_key']}")
        with self.run_connection(first.run_id) as connection:
            _keep_frames(connection, texts)
            _drop_idle_indexes(connection)
            _insert(
                connection,
                SqlEventLogStorageTable,
                [{**row, **NOT_LOOKED_UP, "event": text} for text in bare],
            )
        with self.index_connection() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _keep_frames(connection, texts)
            rows = [
                {**row, "partition": key, "event": text}
                for key, text in zip(keys, whole, strict=True)
            ]
            ids = _insert_in_order(connection, rows)
            indexed = self.get_asset_tags_to_index({name for key in keys for name in tags[key]})
            self._store_tags(
                connection,
                [
                    (row, storage_id, {k: v for k, v in tags[key].items() if k in indexed})
                    for key, storage_id in zip(keys, ids, strict=True)
                ],
            )
            last = first._replace(
                dagster_event=first.get_dagster_event()._replace(
                    event_specific_data=StepMaterializationData(
                        made._replace(
                            partition=keys[-1], metadata=told[keys[-1]], tags=tags[keys[-1]]
                        )
                    )
                )
            )
            self._store_asset_keys(connection, [(last, rows[-1], ids[-1])])

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """True: one planned event per asset and run; the two readers below expand it."""
        return True

    def get_latest_asset_partition_materialization_attempts_without_materializations(
        self, asset_key: AssetKey, after_storage_id: int | None = None
    ) -> Mapping[str, tuple[str, int]]:
        """Run and storage id of each partition's plan that no materialisation followed."""
        attempts = dict(
            super().get_latest_asset_partition_materialization_attempts_without_materializations(
                asset_key, after_storage_id
            )
        )
        planned: dict[str, tuple[str, int]] = {}
        for record in self._planned_ranges(asset_key, after_storage_id):
            for partition in _planned_partitions(record):
                planned[partition] = (record.run_id, record.storage_id)
        if planned:
            done = self.get_latest_storage_id_by_partition(
                asset_key, DagsterEventType.ASSET_MATERIALIZATION, set(planned)
            )
            for partition, attempt in planned.items():
                newer = max(done.get(partition, 0), attempts.get(partition, ("", 0))[1])
                if attempt[1] > newer:
                    attempts[partition] = attempt
        return attempts

    def get_latest_planned_materialization_info(
        self, asset_key: AssetKey, partition: str | None = None
    ) -> PlannedMaterializationInfo | None:
        """The newest plan to materialise the asset, or the given partition of it."""
        newest = super().get_latest_planned_materialization_info(asset_key, partition)
        if partition is None:
            return newest
        after = None if newest is None else newest.storage_id
        for record in reversed(self._planned_ranges(asset_key, after)):
            if partition in _planned_partitions(record):
                return PlannedMaterializationInfo(
                    storage_id=record.storage_id, run_id=record.run_id
                )
        return newest

    def _planned_ranges(
        self, asset_key: AssetKey, after_storage_id: int | None
    ) -> Sequence[EventLogRecord]:
        """Planned events with a range of partitions, oldest first."""
        records = self._get_event_records(
            EventRecordsFilter(
                DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
                asset_key=asset_key,
                after_cursor=after_storage_id,
            ),
            ascending=True,
        )
        return [record for record in records if _planned_partitions(record)]

    def _store_tags(
        self, connection: Connection, tagged: Sequence[tuple[Row, int, Mapping[str, str]]]
    ) -> None:
        rows = [
            {
                "event_id": storage_id,
                "asset_key": row["asset_key"],
                "key": key,
                "value": value,
                "event_timestamp": row["timestamp"],
            }
            for row, storage_id, tags in tagged
            for key, value in tags.items()
        ]
        # The table is missing in a home that an old Dagster made and nobody migrated.
        if rows and self.has_table(AssetEventTagsTable.name):
            _insert(connection, AssetEventTagsTable, rows)

    def _store_asset_keys(self, connection: Connection, events: Sequence[AssetEvent]) -> None:
        """Update each asset's row from the batch's last event of each type."""
        has_columns = self._has_asset_key_index_cols_on_connection(connection)
        last: dict[tuple[str, str], tuple[EventLogEntry, int]] = {}
        for event, row, storage_id in events:
            if row["asset_key"] is not None:
                place = row["asset_key"], row["dagster_event_type"]
                last.pop(place, None)
                last[place] = (event, storage_id)
        values: dict[str, Row] = {}
        for (key, _), (event, storage_id) in last.items():
            values.setdefault(key, {}).update(
                self._get_asset_entry_values(event, storage_id, has_columns)
            )
        for key, row in values.items():
            if row:
                _upsert_asset_key(connection, key, row)

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        # The stock constructor passes a new engine for the index.
        kept = self._engine(INDEX_SHARD_NAME) if for_index_shard else engine
        super()._initdb(kept, for_index_shard)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        try:
            with self._db_lock:
                engine = self._engine(shard)
                if shard not in self._initialized_dbs:
                    self._initdb(engine, for_index_shard=shard == INDEX_SHARD_NAME)
                    self._initialized_dbs.add(shard)
                with engine.connect() as connection, connection.begin():
                    yield connection
        except db.exc.DBAPIError as error:
            # SQLAlchemy's message repeats the whole statement.
            fault = storage_fault(error, self._base_dir)
            if fault is None:
                raise
            raise fault from error

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            # With NullPool an engine keeps no file open, so that databases can be deleted.
            engine = db.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=NullPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            path = Path(self.path_for_shard(shard))
            db.event.listen(engine, "connect", partial(_tune, path=path))
        self._engines[shard] = engine
        while len(self._engines) > KEPT_ENGINES:
            self._engines.pop(next(iter(self._engines))).dispose()
        return engine


def _tune(connection: Any, _record: Any, *, path: Path) -> None:
    reads_short_texts(connection, path)
    # In WAL mode NORMAL keeps the database intact after any crash of a process. A power failure may
    # lose the newest events, but never rows of the warehouse or the ledger.
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA page_size={PAGE_SIZE}")


def _asset_and_partition(stored: tuple[EventLogEntry, Row]) -> tuple[str, str]:
    _, row = stored
    return row["asset_key"], row["partition"] or ""


def _planned_partitions(record: EventLogRecord) -> frozenset[str]:
    event = record.event_log_entry.get_dagster_event()
    subset = event.asset_materialization_planned_data.partitions_subset
    return frozenset() if subset is None else frozenset(subset.get_partition_keys())


def _insert_in_order(connection: Connection, rows: Sequence[Row]) -> list[int]:
    """Insert rows with consecutive ids; returns the ids."""
    newest = connection.execute(db.select(db.func.max(SqlEventLogStorageTable.c.id))).scalar()
    first = (newest or 0) + 1
    numbered = [{**row, "id": first + number} for number, row in enumerate(rows)]
    _insert(connection, SqlEventLogStorageTable, numbered)
    return [row["id"] for row in numbered]


def _tags_of(partition: str) -> Mapping[str, str]:
    if isinstance(partition, MultiPartitionKey):
        return get_tags_from_multi_partition_key(partition)
    return {}


def _drop_idle_indexes(connection: Connection) -> None:
    for name in IDLE_INDEXES:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")


def _keep_frames(connection: Connection, texts: EventTexts) -> None:
    if texts.frames:
        connection.exec_driver_sql(CREATE)
        connection.exec_driver_sql(KEEP, list(texts.frames.items()))


def _insert(connection: Connection, table: db.Table, rows: Sequence[Row]) -> None:
    """Insert rows that have the same columns; SQLAlchemy would spend longer than SQLite on it."""
    dialect = connection.dialect
    columns = []
    for name in rows[0]:
        values = [row[name] for row in rows]
        bound = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        columns.append(values if bound is None else [bound(value) for value in values])
    names, places = ", ".join(f'"{name}"' for name in rows[0]), ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table.name} ({names}) VALUES ({places})"
    connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))


def _upsert_asset_key(connection: Connection, key: str, values: Row) -> None:
    try:
        connection.execute(AssetKeyTable.insert().values(asset_key=key, **values))
    except IntegrityError:
        connection.execute(
            AssetKeyTable.update().values(**values).where(AssetKeyTable.c.asset_key == key)
        )
