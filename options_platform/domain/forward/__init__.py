"""The forward record: what each rule set planned before the next open, in a chain of hashes.

What a link holds and how it is hashed, whether a chain was altered, and which sessions of a rule
set are recorded and which are gaps. Reading and writing the file belongs to
`adapters/storage/forward_record.py`, planning and results to `services/forward/`.
"""
