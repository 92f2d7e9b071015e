"""The disaster drills of docs/operations.md, each command as the page gives it.

Here belongs what a person does after a disaster, with the real command line, real homes and the
fake Alpaca on this machine. What a single fault does to an order or a position is in `faults/`.
"""
