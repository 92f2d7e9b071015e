"""Rehearsals: the real order path through a stressed month of the past, against the fake broker.

Here belongs what plays the month (its market, the broker's outages, the clock, the processes of the
platform), what watches the broker meanwhile, and the checks of the end. How orders are decided and
sent is none of it: that is `services.trading`, which runs here as it runs every evening. The
account, the ledger and the work folder are the rehearsal's own; nothing leaves this machine.
"""
