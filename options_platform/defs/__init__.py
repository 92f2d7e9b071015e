"""Dagster definitions: assets by subject, each beside its checks; the jobs and schedules.

An asset reads, calls a service or the domain, writes, and attaches metadata. Computation belongs
to `domain`, and code that does not need Dagster to `services`.
"""
