"""Ledger and broker side by side: what differs, and what is taken over from the broker."""
