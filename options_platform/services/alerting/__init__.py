"""Alerts from the condition to its delivery, and the heartbeat to an outside watcher.

What the conditions are is the subject of `domain/trading/alerts.py` and of the services that find
them; how a message is sent, of `adapters/notifier.py`.
"""
