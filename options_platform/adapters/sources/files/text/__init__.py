"""Parses the text of files into typed columns: separators, dates, times and numbers.

Names of columns and conventions of publishers belong to `layouts`.
"""
