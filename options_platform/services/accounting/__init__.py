"""The account's tables and its record, made from the ledger and the stored market."""
