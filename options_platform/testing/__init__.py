"""Helpers shared by tests and benchmarks: markets, plans, leak checks, a fake account.

The platform itself never imports this package. A helper that only one test file needs stays in
that file.
"""
