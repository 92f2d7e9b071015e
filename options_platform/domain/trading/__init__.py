"""What happens to an account's orders and positions next, decided from evidence alone.

Orders: the next state of an order, whether the broker shows it, does not show it or does not answer
(:mod:`.reducer`); the prices that an order is worked at (:mod:`.orders.price_ladder`) and which of
them comes next (:mod:`.repricing`). Positions: what a fill, whole or partial, makes of a position
(:mod:`.position_fills`), when a rule closes it (:mod:`.exit_rules`) and what of it is closed first
(:mod:`.closing`). The broker's side: what an assignment, an exercise or an expiry leaves of a
position (:mod:`.reconciliation.settlement`), whose dividends on shares are
(:mod:`.reconciliation.dividends`), and which unknown orders of the broker are the account's
(:mod:`.reconciliation.adoption`). The market's side: which sold contracts their holders exercise
(:mod:`.early_assignment`).

Whatever asks a broker or writes a ledger is a service.
"""
