"""The user's own files, CSV or Parquet: `folder.py` fits the port, `reading.py` reads one file.

Which header means which layout stands in `layouts/`, how text becomes dates and numbers in `text/`.
"""
