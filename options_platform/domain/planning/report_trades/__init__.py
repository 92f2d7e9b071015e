"""Trades of an earnings report itself: whether one is made, in which expiries, and how large.

Their prices, orders, positions and exits are those of every plan; the blackout lets them pass by
the names of their strategies.
"""
