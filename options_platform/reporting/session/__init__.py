"""What happened to a ticker in a session: in words for Dagster's partitions, and as a page.

The words of a decision are those of `domain/planning/decision_words.py`.
"""
