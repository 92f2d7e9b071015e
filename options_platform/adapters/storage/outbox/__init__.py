"""The outbox of alerts: what holds, what was said of it to whom, and what waits to be delivered.

When something is said is decided here with the rules of `domain/trading/alert_rules.py`; how it is
sent is the subject of `adapters/notifier.py`.
"""

from options_platform.adapters.storage.outbox.outbox import Outbox
from options_platform.adapters.storage.outbox.rows import Message, OpenAlert

__all__ = ["Message", "OpenAlert", "Outbox"]
