"""What an account's orders and positions do next, decided from evidence alone.

Here belongs what decides without asking anybody: which state an order takes when the broker shows
it, lacks it or says nothing (:mod:`.reducer`), what of a position is closed next (:mod:`.closing`),
what an assignment, an exercise or an expiry leaves of it (:mod:`.reconciliation.settlement`), and
how what the broker knows and the ledger does not is taken into it
(:mod:`.reconciliation.adoption`). What asks the broker and writes the ledger are services; prices
are no subject of this package.
"""
