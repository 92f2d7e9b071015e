"""Whether a published version is the present state of the stores, without opening any of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from options_platform.adapters.storage.changes import changed_here, is_marked, state_of
from options_platform.adapters.storage.published.exporting import WAREHOUSE
from options_platform.adapters.storage.published.versions import Version


def stores_of(home: Path) -> list[Path]:
    """The stores of a home that are published: its warehouse and its ledgers, where they exist."""
    warehouse = home / f"{WAREHOUSE}.duckdb"
    # An empty warehouse is a new one; an empty ledger has lost its content.
    has_tables = warehouse.is_file() and warehouse.stat().st_size > 0
    return [*([warehouse] if has_tables else []), *sorted(home.glob("ledger*.duckdb"))]


def lags(home: Path, version: Version) -> bool:
    """Whether a store of the home has been changed, created or removed since the version."""
    return _has_others(home, version) or any(_differs(each, version) for each in stores_of(home))


def is_due(home: Path, version: Version) -> bool:
    """Whether the version lags for another reason than that other processes are changing stores."""
    return has_lost_a_store(home, version) or any(
        is_store_due(each, version) for each in stores_of(home)
    )


def lagging_since(home: Path, version: Version) -> datetime:
    """UTC time as of which the version has the stores that have changed since, the oldest of it."""
    noted = version.manifest["stores"]
    times = [
        noted[store.name]["as_of"]
        for store in stores_of(home)
        if store.name in noted and _differs(store, version)
    ]
    return min(map(datetime.fromisoformat, times), default=version.published_at)


def _has_others(home: Path, version: Version) -> bool:
    return {store.name for store in stores_of(home)} != {*version.manifest["stores"]}


def has_lost_a_store(home: Path, version: Version) -> bool:
    """Whether a store of the version exists no more."""
    return not {*version.manifest["stores"]} <= {store.name for store in stores_of(home)}


def _differs(store: Path, version: Version) -> bool:
    noted = version.manifest["stores"].get(store.name)
    return noted is None or noted["state"] != state_of(store)


def is_store_due(store: Path, version: Version) -> bool:
    """Whether this process has changed the store, or it was changed and nobody is at work on it."""
    return store in changed_here() or (_differs(store, version) and not is_marked(store))
