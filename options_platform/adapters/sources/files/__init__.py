"""The user's files, CSV or Parquet: `folder.py` implements the port, `reading.py` reads a file.

`layouts/` has the headers of the known publishers, `text/` parses dates and numbers, and
`conversion.py` writes files of any known layout in the platform's own. Whether a bar is plausible
is judged in `domain.market`.
"""
