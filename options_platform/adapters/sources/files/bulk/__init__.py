"""Imports option chains of any size in constant memory, from the files of any known publisher.

The stages, one module each: `head.py` recognises a file by its first bytes, `batches.py` reads its
rows a batch at a time, `quotes.py` types them and refuses the rows that it does not understand,
`spool.py` keeps what has been read, so that a killed import continues, `months.py` writes one
Parquet file per ticker and month, and `importing.py` runs the stages. Whether a quote is good is
not judged here, but where a chain is stored (`domain.chain.ingest`).
"""
