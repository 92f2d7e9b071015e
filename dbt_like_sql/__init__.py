"""The SQL marts: one file each, a comment that describes it, then one SELECT; nothing else.

A package of its own, so that a clone and an installed wheel find the files alike.
"""
