"""Prices within a session: live quotes of a position's legs and of its underlying."""
