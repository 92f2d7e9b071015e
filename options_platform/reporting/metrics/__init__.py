"""The figures of a home for Prometheus: what is measured, and how it is written.

Read from the published copy, as all that only shows something. No figure carries text of data,
a path or a secret; who may ask for them is the subject of `serving/metrics.py`.
"""
