"""Text of files as typed columns: separators, dates, times and numbers."""
