"""The account's tables and its record, from the ledger and the stored market.

The computations belong to `domain.accounting`, trading itself to `services.trading`.
"""
