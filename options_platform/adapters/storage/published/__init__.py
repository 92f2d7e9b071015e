"""The published copy of a home's stores: versions of Parquet files, which all readers read.

The warehouse and the ledgers are written by one process at a time, and who reads them keeps that
process waiting. So what changed them publishes them when it is done, and readers open the copy:

- `versions.py`: the folders, the manifest, how a reader keeps a version;
- `exporting.py`: which parts of a store have changed, and their Parquet files;
- `staleness.py`: whether a version is the present state of the stores;
- `publishing.py`: a new version, atomically; `retention.py`: the removal of old ones;
- `tables.py`, `ledgers.py`: the read side of the warehouse and of the ledger, over a version;
- `refreshing.py`: the newest version for a reader, and what it says if a store is ahead of it.

What tables mean belongs to `contracts`; who reads which of them, to `services` and `commands`.
"""
