"""Dagster: assets by subject, beside their checks; jobs and schedules of all of them.

Nothing is computed here: an asset reads, calls a service or the domain, writes, and reports. What
does not need Dagster belongs to `services/`.
"""
