"""Files of programs, databases and downloads that are named like a CSV but are not text."""

import io
import pickle
import tarfile
import tempfile
import zipfile
from pathlib import Path

import duckdb
import numpy as np

from options_platform_tests.adapters.sources.files.vendor_export import Export

NAME, REST = "AAPL.csv", bytes(300)


def zipped(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


def encrypted():
    """A zip with an entry that needs a password."""
    content = bytearray(zipped(**{NAME: "Date,Close\n"}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def tarred():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(NAME), io.BytesIO())
    return content.getvalue()


def duckdb_file():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "one.duckdb")
        with duckdb.connect(path) as connection:
            connection.execute("CREATE TABLE bars (close DOUBLE)")
        return path.read_bytes()


def array_file():
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    return content.getvalue()


ODS = {
    "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
    "content.xml": "<office:document-content/>",
    "META-INF/manifest.xml": "<manifest/>",
}
KINDS = (
    Export("LibreOffice Calc, .ods", NAME, zipped(**ODS), r"an OpenDocument spreadsheet \(\.ods\)"),
    Export(
        "Numbers of Apple", NAME,
        zipped(**{"Index/Document.iwa": "", "Metadata/Properties.plist": ""}),
        "a spreadsheet of Numbers",
    ),
    Export("a zip with a password", NAME, encrypted(), "zip archive that cannot be opened"),
    Export("NumPy, save", NAME, array_file(), "an array of NumPy"),
    Export("Hive, ORC", NAME, b"ORC" + REST, "an ORC file"),
    Export("Kafka, Avro", NAME, b"Obj\x01\x04\x16avro.schema" + REST, "an Avro file"),
    Export("Arrow, a stream", NAME, b"\xff\xff\xff\xff\x10\x00" + REST, "an Arrow stream"),
    Export("R, saveRDS", "AAPL.csv.gz", b"X\n\x00\x00\x00\x03" + REST, r"an \.rds file of R"),
    Export("R, save", "AAPL.csv.gz", b"RDX3\nX\n" + REST, r"an \.RData file of R"),
    Export("Stata, .dta of WRDS", NAME, b"<stata_dta><header>" + REST, "a data set of Stata"),
    Export(
        "SAS, .sas7bdat of WRDS", NAME,
        bytes(12) + b"\xc2\xea\x81\x60\xb3\x14\x11\xcf" + REST, "a data set of SAS",
    ),
    Export("SPSS, .sav", NAME, b"$FL2@(#) SPSS DATA FILE" + REST, "a data set of SPSS"),
    Export("Access, .mdb", NAME, b"\x00\x01\x00\x00Standard Jet DB" + REST, "of Access"),
    Export("MATLAB, .mat", NAME, b"MATLAB 5.0 MAT-file" + REST, r"a \.mat file of MATLAB"),
    Export("DuckDB, the database itself", NAME, duckdb_file(), "a DuckDB database"),
    Export("tar, of a download", "AAPL.csv.gz", tarred(), "a tar archive"),
    Export("pandas, to_pickle of protocol 2", NAME, pickle.dumps([1.0], 2), "a Python pickle"),
    Export("joblib, gzip outside", "AAPL.csv.gz", pickle.dumps([1.0], 4), "a Python pickle"),
    Export("gzip of a zip of many", "AAPL.csv.gz", zipped(a="1", b="2"), "a zip of 2 files"),
    Export("lz4", NAME, b"\x04\x22\x4d\x18" + REST, "compressed with lz4"),
    Export("WordPad, .rtf", NAME, "{\\rtf1\\ansi Date,Open}\n", "RTF"),
    Export(
        "GitHub, raw file in Git LFS", NAME,
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "a pointer of Git LFS",
    ),
    Export(
        "a site's .xls that is a table of HTML", NAME,
        "<table><tr><th>Date</th></tr></table>\n", "a web page",
    ),
    Export(
        "Tradier, history as XML", NAME,
        "<history><day><date>2024-07-01</date><open>100.5</open></day></history>\n", "is XML",
    ),
    Export("a feed, XML with a declaration", NAME, '<?xml version="1.0"?><a/>\n', "is XML"),
    Export(
        "thinkorswim, stock and option quote", NAME,
        "Stock quote and option quote for SPY on 7/1/24 16:00:00\n\nUNDERLYING\nLAST,LX,BID\n"
        "545.34,P,545.3\n",
        "begins 'Stock quote and option quote for SPY on 7/1/24 16:00:00', the header of no known",
    ),
    Export(
        "a page's table with blanks between columns", NAME,
        "Date        Open   High   Low   Close  Volume\n2024-07-01  1.5  2    1    1.2    10\n",
        "the header of no known file",
    ),
)  # fmt: skip
# A row of text may begin with the letters of a binary file.
TICKER_LIKE_A_MARK = Export(
    "EODData, a ticker that reads like a mark", "ORC.csv",
    "ORC,20240701,8.1,8.2,8,8.1,1000\n", "has no header: it begins 'ORC,20240701",
)  # fmt: skip
ALL = (*KINDS, TICKER_LIKE_A_MARK)
