"""The ledger brought in line with the broker, and what a person accepts of the rest."""
