"""What happens to an account's orders and positions next, decided from evidence alone.

Here belong the decisions: the next state of an order, whether the broker shows it, does not show it
or does not answer (:mod:`.reducer`); what a fill makes of a position (:mod:`.position_fills`) and
what of it is closed next (:mod:`.closing`); what an assignment, an exercise or an expiry leaves of
it (:mod:`.reconciliation.settlement`); and which unknown orders of the broker are the account's
(:mod:`.reconciliation.adoption`). Whatever asks a broker or writes a ledger is a service.
"""
