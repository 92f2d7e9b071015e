import json
import logging
import os
import shutil
from contextlib import suppress

import pytest

from options_platform import logs
from options_platform.logs import JsonFormatter, SharedRotatingFileHandler, configure_logs


@pytest.fixture
def logger(tmp_path):
    """The platform's logger, writing to a temporary folder and restored afterwards."""
    platform_logger = logging.getLogger("options_platform")
    before = platform_logger.handlers[:], platform_logger.level, platform_logger.propagate
    platform_logger.handlers = []
    yield configure_logs(tmp_path / "logs")
    for handler in platform_logger.handlers:
        handler.close()
    platform_logger.handlers, platform_logger.level, platform_logger.propagate = before


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_record_is_one_line_of_json(logger, tmp_path):
    logger.info("two\nlines of %s", "text")
    (entry,) = lines(tmp_path / "logs" / "platform.jsonl")
    assert entry["message"] == "two\nlines of text"
    assert entry["level"] == "INFO"
    assert entry["process"] == os.getpid()
    assert entry["time"].endswith("+00:00")


def test_an_exception_keeps_its_traceback_on_the_line(logger, tmp_path):
    try:
        int("what went wrong")
    except ValueError:
        logger.exception("failed")
    (entry,) = lines(tmp_path / "logs" / "platform.jsonl")
    assert "what went wrong" in entry["traceback"]


def test_configuring_twice_writes_once(logger, tmp_path):
    configure_logs(tmp_path / "other").info("once")
    assert len(lines(tmp_path / "logs" / "platform.jsonl")) == 1
    assert not (tmp_path / "other").exists()


def rotating(folder, name="rotating.jsonl"):
    handler = SharedRotatingFileHandler(folder / name, maxBytes=2000, backupCount=2)
    handler.setFormatter(JsonFormatter())
    return handler


def record(number):
    return logging.LogRecord("options_platform", logging.INFO, "", 0, "n%05d", (number,), None)


def test_files_rotate_and_the_oldest_is_deleted(tmp_path):
    handler = rotating(tmp_path)
    for number in range(200):
        handler.handle(record(number))
    handler.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"rotating.jsonl{end}" for end in ("", ".1", ".2")]
    assert all(file.stat().st_size <= 2000 for file in files)
    assert lines(files[0])[-1]["message"] == "n00199"


def test_a_handler_follows_the_rotation_of_another_process(tmp_path):
    ours, theirs = rotating(tmp_path), rotating(tmp_path)
    ours.handle(record(1))
    theirs.doRollover()
    ours.handle(record(2))
    for handler in (ours, theirs):
        handler.close()
    assert [entry["message"] for entry in lines(tmp_path / "rotating.jsonl")] == ["n00002"]
    assert [entry["message"] for entry in lines(tmp_path / "rotating.jsonl.1")] == ["n00001"]


def test_a_deleted_log_folder_does_not_stop_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    (tmp_path / "gone").mkdir()
    handler = rotating(tmp_path / "gone")
    handler.handle(record(1))
    shutil.rmtree(tmp_path / "gone")
    handler.handle(record(2))
    (tmp_path / "gone").mkdir()
    handler.handle(record(3))
    handler.close()
    assert [entry["message"] for entry in lines(tmp_path / "gone" / "rotating.jsonl")] == ["n00003"]


def test_log_size_is_bounded():
    assert logs.MAX_BYTES * (logs.BACKUPS + 1) < 50_000_000


def test_a_full_disk_drops_the_line_without_a_traceback(capfd):
    handler = SharedRotatingFileHandler("/dev/full", maxBytes=0)
    handler.setFormatter(JsonFormatter())
    handler.emit(record(1))
    with suppress(OSError):
        handler.close()
    assert capfd.readouterr().err == ""
