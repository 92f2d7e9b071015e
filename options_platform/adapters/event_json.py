"""Events of Dagster as JSON; the materialisations of a backfill from one frame an asset.

The partitions of an asset in a run differ in partition, tags, metadata and time alone. To serialise
each as a whole takes a tenth of what such a run costs, and its log repeats what the index has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagster._core.definitions.events import AssetMaterialization
from dagster._core.definitions.metadata import TextMetadataValue, UrlMetadataValue
from dagster._core.events import DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.tags import MULTIDIMENSIONAL_PARTITION_PREFIX
from dagster._serdes import deserialize_value, serialize_value

from options_platform.adapters.event_frames import SEPARATOR, name_of, short_text

COMPACT = (",", ":")
MATERIALISATION = DagsterEventType.ASSET_MATERIALIZATION.value
OF_PARTITION = MULTIDIMENSIONAL_PARTITION_PREFIX
PLACE, MOMENT = "<partition>", -1.0
TEXTS = (TextMetadataValue, UrlMetadataValue)
OPTIONAL = (
    "asset_lineage",
    "description",
    "logging_tags",
    "message",
    "solid_handle",
    "step_handle",
)
"""Fields that Dagster's readers fill in themselves where an event lacks them; left out if empty."""

Frame = tuple[str, str, str] | None
"""The text before, between and after the partition's fields and the time; None if unclear."""


class EventTexts:
    """JSON of events.

    Attributes:
        frames: by name, the frames that the short texts so far need.
    """

    def __init__(self) -> None:
        self._frames: dict[tuple[Any, ...], Frame] = {}
        self._values: dict[type, list[str]] = {}
        self._names: dict[tuple[Any, ...], str] = {}
        self.frames: dict[str, str] = {}

    def whole(self, event: EventLogEntry) -> str:
        """The event as JSON; a materialisation without fields that no reader shows.

        Its logging tags and handles repeat the names of the run and the step, and its message
        repeats the event.
        """
        made = _materialisation(event)
        if made is None:
            return _serialised(event)
        frame = self._frame(event, made)
        if frame is None:
            return _serialised(_slim(event))
        entries = ",".join([self._entry(name, value) for name, value in made.metadata.items()])
        return _filled(
            frame, f"[{entries}]", made.partition, dict(made.tags or {}), event.timestamp
        )

    def short(self, event: EventLogEntry, *, bare: bool = False) -> str:
        """The event for a long batch: a materialisation by its frame, which :attr:`frames` keeps.

        Args:
            event: the event.
            bare: whether to leave out metadata and tags, as the log of a long run does, since it
                repeats what the index has.
        """
        made = _materialisation(event)
        frame = None if made is None else self._frame(event, made)
        if made is None or frame is None:
            return self.whole(event)
        if bare:
            return self._short(frame, {}, made.partition, {}, event.timestamp)
        return self._short(
            frame, made.metadata, made.partition, dict(made.tags or {}), event.timestamp
        )

    def of_partitions(
        self,
        first: EventLogEntry,
        metadata: Mapping[str, Mapping[str, Any]],
        tags: Mapping[str, Mapping[str, str]],
        *,
        bare: bool = False,
    ) -> list[str] | None:
        """The short texts of a range's materialisations, in the order of `metadata`.

        Args:
            first: what holds for all of them, the materialisation of any.
            metadata: by partition.
            tags: by partition.
            bare: as for :meth:`short`.

        Returns:
            None if `first` has no frame.
        """
        made = _materialisation(first)
        frame = None if made is None else self._frame(first, made)
        if frame is None:
            return None
        if bare:
            return [self._short(frame, {}, key, {}, first.timestamp) for key in metadata]
        return [
            self._short(frame, metadata[key], key, tags[key], first.timestamp) for key in metadata
        ]

    def _short(
        self,
        frame: tuple[str, str, str],
        metadata: Mapping[str, Any],
        partition: str | None,
        tags: Mapping[str, str],
        moment: float,
    ) -> str:
        shape = (
            frame,
            tuple((name, type(value)) for name, value in metadata.items()),
            tuple(item for item in tags.items() if not item[0].startswith(OF_PARTITION)),
        )
        name = self._names.get(shape)
        if name is None:
            text = self._short_frame(frame, metadata, tags)
            name = self._names[shape] = name_of(text)
            self.frames[name] = text
        values = [_value(value) for value in metadata.values()]
        values.append(json.dumps(partition))
        values += [json.dumps(tags[tag]) for tag in tags if tag.startswith(OF_PARTITION)]
        return short_text(name, [*values, repr(moment)])

    def _short_frame(
        self, frame: tuple[str, str, str], metadata: Mapping[str, Any], tags: Mapping[str, str]
    ) -> str:
        before, between, after = frame
        entries = ",".join(self._entry(name, value, SEPARATOR) for name, value in metadata.items())
        own = ",".join(
            f"{json.dumps(tag)}:{SEPARATOR if tag.startswith(OF_PARTITION) else json.dumps(text)}"
            for tag, text in tags.items()
        )
        return (
            f'{before}"metadata_entries":[{entries}],"partition":{SEPARATOR},"tags":{{{own}}}'
            f'{between}"timestamp":{SEPARATOR}{after}'
        )

    def _frame(self, event: EventLogEntry, made: AssetMaterialization) -> Frame:
        inner = event.get_dagster_event()
        if event.error_info is not None or inner.step_materialization_data.asset_lineage:
            return None
        key = (
            event.run_id, event.job_name, event.step_key, event.level,
            inner.message, inner.pid, inner.step_kind_value, inner.step_key, inner.job_name,
            made.asset_key, made.description,
        )  # fmt: skip
        if key not in self._frames:
            self._frames[key] = _make_frame(event, made)
        return self._frames[key]

    def _entry(self, name: str, value: Any, place: str | None = None) -> str:
        """An entry of metadata, with `place` for what :func:`_value` gives."""
        kind = type(value)
        data = _value(value) if place is None else place
        if _is_text(value):
            if kind not in self._values:
                self._values[kind] = _serialised(kind(PLACE)).split(json.dumps(PLACE))
            before, after = self._values[kind]
            data = f"{before}{data}{after}"
        label = json.dumps(name)
        return f'{{"__class__":"EventMetadataEntry","entry_data":{data},"label":{label}}}'


def _is_text(value: Any) -> bool:
    return type(value) in TEXTS and isinstance(value.value, str)


def _value(value: Any) -> str:
    """What differs between entries of metadata of a kind: a text, or the whole value, as JSON."""
    return json.dumps(value.value) if _is_text(value) else _serialised(value)


def _serialised(value: Any) -> str:
    return serialize_value(value, separators=COMPACT)


def _without_empty_fields(text: str) -> str:
    shorter = json.dumps(_filled_in(json.loads(text)), separators=COMPACT)
    return shorter if deserialize_value(shorter) == deserialize_value(text) else text


def _filled_in(value: Any) -> Any:
    if isinstance(value, list):
        return [_filled_in(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _filled_in(item) for name, item in value.items() if item or name not in OPTIONAL}


def _materialisation(event: EventLogEntry) -> AssetMaterialization | None:
    """What a materialisation of a partition says; None for any other event."""
    inner = event.dagster_event
    if inner is None or inner.event_type_value != MATERIALISATION:
        return None
    data = inner.event_specific_data
    return data.materialization if isinstance(data, StepMaterializationData) else None


def _slim(event: EventLogEntry) -> EventLogEntry:
    inner = event.get_dagster_event()
    return event._replace(
        user_message="",
        dagster_event=inner._replace(logging_tags={}, step_handle=None, node_handle=None),
    )


def _make_frame(event: EventLogEntry, made: AssetMaterialization) -> Frame:
    slim = _slim(event)
    empty = AssetMaterialization(
        made.asset_key, description=made.description, metadata={}, partition=PLACE, tags={}
    )
    inner = slim.get_dagster_event()._replace(
        event_specific_data=StepMaterializationData(empty, [])
    )
    blank = slim._replace(timestamp=MOMENT, dagster_event=inner)
    text = _without_empty_fields(_serialised(blank))
    own = f'"metadata_entries":[],"partition":{json.dumps(PLACE)},"tags":{{}}'
    moment = f'"timestamp":{MOMENT}'
    if text.count(own) != 1 or text.count(moment) != 1 or text.index(own) > text.index(moment):
        return None
    before, rest = text.split(own)
    between, after = rest.split(moment)
    return before, between, after


def _filled(
    frame: tuple[str, str, str],
    entries: str,
    partition: str | None,
    tags: Mapping[str, str],
    moment: float,
) -> str:
    before, between, after = frame
    return (
        f'{before}"metadata_entries":{entries},"partition":{json.dumps(partition)},'
        f'"tags":{json.dumps(tags, separators=COMPACT)}{between}"timestamp":{moment!r}{after}'
    )
