"""The account from its orders: fills, positions, equity by session, and the record of trading."""
