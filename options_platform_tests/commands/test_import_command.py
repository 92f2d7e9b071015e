"""`options-platform import`, as the user runs it."""

import json

import pytest

from options_platform.cli import main

NASDAQ = (
    "Date,Close/Last,Volume,Open,High,Low\n07/15/2024,$102.00,1100000,$101.5,$103.0,$100.0\n"
    "07/01/2024,$101.00,1000000,$100.5,$102.0,$99.0\n"
)
OURS = "date,open,high,low,close,adj_close,volume\n2024-07-01,100.5,102.0,99.0,101.0,,1000000.0\n"


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "HistoricalData_1.csv").write_text(NASDAQ)
    return tmp_path


def test_an_import_writes_the_csv_layout_and_names_the_recognised_one(work, capsys):
    assert main(["import", "HistoricalData_1.csv", "--ticker", "AAPL", "--to", "data"]) == 0
    assert (work / "data" / "AAPL.csv").read_text().startswith(OURS)
    assert capsys.readouterr().out == (
        "data/AAPL.csv: 2 rows, 2024-07-01 to 2024-07-15, from bars of Nasdaq.com, US dates\n"
    )


def test_an_import_goes_to_the_folder_of_the_source_csv(work, monkeypatch, capsys):
    (work / "mine").mkdir()
    monkeypatch.setenv("OPTIONS_CSV_DIR", str(work / "mine"))
    assert main(["import", "HistoricalData_1.csv", "--ticker", "AAPL", "--json"]) == 0
    (written,) = json.loads(capsys.readouterr().out)
    assert written["file"] == str(work / "mine" / "AAPL.csv")
    assert written["rows"] == 2
    assert list((work / "mine").iterdir()) == [work / "mine" / "AAPL.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["HistoricalData_1.csv", "--to", "data"], "has a ticker; give it: --ticker"),
        (["HistoricalData_1.csv", "--ticker", "AAPL"], "name the folder to write to: --to FOLDER"),
        (["missing.csv", "--to", "data"], "missing.csv cannot be read (No such file"),
        (["--to", "data"], "the following arguments are required: FILE"),
    ],
)
def test_an_import_names_the_missing_information(work, capsys, arguments, message):
    assert main(["import", *arguments]) != 0
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (work / "data").exists()


def test_nothing_is_written_if_one_file_is_refused(work, capsys):
    (work / "MSFT.csv").write_text(NASDAQ[:-5])
    files = ["HistoricalData_1.csv", "MSFT.csv", "--ticker", "AAPL", "--to", "data"]
    assert main(["import", *files]) == 1
    assert "MSFT.csv line 3, the last one, lacks its end of line" in capsys.readouterr().err
    assert not (work / "data").exists()


def test_the_user_may_confirm_a_last_line_without_a_line_end(work, capsys):
    (work / "AAPL.csv").write_text(NASDAQ[:-1])
    assert main(["import", "AAPL.csv", "--to", "data"]) == 1
    assert (
        "end the line if it is whole (options-platform import --whole)" in capsys.readouterr().err
    )
    assert main(["import", "AAPL.csv", "--to", "data", "--whole"]) == 0
    assert (work / "data" / "AAPL.csv").read_text().startswith(OURS)
    # A short line is cut whatever the user says.
    (work / "MSFT.csv").write_text(NASDAQ[:-10])
    assert main(["import", "MSFT.csv", "--to", "data", "--whole"]) == 1


def test_an_existing_file_is_replaced_only_on_request(work, capsys):
    files = ["import", "HistoricalData_1.csv", "--ticker", "AAPL", "--to", "data"]
    (work / "data").mkdir()
    (work / "data" / "AAPL.csv").write_text("mine")
    assert main(files) == 2
    assert "AAPL.csv exists; to replace it: --replace" in capsys.readouterr().err
    assert (work / "data" / "AAPL.csv").read_text() == "mine"
    assert main([*files, "--replace"]) == 0
    assert (work / "data" / "AAPL.csv").read_text().startswith(OURS)
