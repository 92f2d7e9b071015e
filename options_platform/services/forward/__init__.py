"""The forward record of every rule set: planning and recording a session, results and alerts.

The chain itself is `domain/forward/`, its file `adapters/storage/forward_record.py`.
"""
