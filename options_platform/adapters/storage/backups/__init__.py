"""Backups of a home: write an archive, restore it, and check that databases can be read."""
