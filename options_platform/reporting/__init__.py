"""Pages for people: the report, the tear sheet, the record, and their figures.

Numbers come from the domain and the warehouse; nothing is computed here that a table could hold.
"""
