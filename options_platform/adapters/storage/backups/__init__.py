"""Archives of a home: writing one, putting it back, and whether a database can be read."""
