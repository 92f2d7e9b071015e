"""The order ledger: what was decided, sent and filled; a file of its own that is never rebuilt.

Every change is one transaction, and every change of an order is also an event that nothing alters.
An order is written as an intent before anything is sent, and as `unknown` before its request
leaves, so that after a crash at any moment the ledger knows what to ask the broker.

One class over one connection, with a file for each subject: orders and positions, evidence of
changes without an order, the account's marks, halts. Here rows are written and read; what follows
from them is decided in `domain/trading`.
"""

from options_platform.adapters.storage.ledger.ledger import (
    REPLAY,
    Ledger,
    open_ledger,
    replay_ledger,
)

__all__ = ["REPLAY", "Ledger", "open_ledger", "replay_ledger"]
