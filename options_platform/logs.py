"""Structured, rotating logs in the home: one JSON object per line."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

FILE_NAME = "platform.jsonl"
MAX_BYTES = 5_000_000
BACKUPS = 5


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Time (UTC), level, logger, process, message, and the traceback of an exception."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class SharedRotatingFileHandler(logging.handlers.RotatingFileHandler):
    """A rotating file shared by several processes: each reopens it after another rotates it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, reopening the file first if another process has rotated it."""
        try:
            if self.stream is not None and not self._still_ours():
                self.stream.close()
                self.stream = self._open()
        except OSError:
            self.handleError(record)
            return
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the library's name)
        """Drop the line if it cannot be written: a full disk is reported by the work itself."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)

    def _still_ours(self) -> bool:
        try:
            on_disk = Path(self.baseFilename).stat()
        except FileNotFoundError:
            return False
        return self.stream is not None and on_disk.st_ino == os.fstat(self.stream.fileno()).st_ino


def configure_logs(folder: Path) -> logging.Logger:
    """The platform's logger, writing to `folder`; a second call changes nothing."""
    logger = logging.getLogger("options_platform")
    if any(isinstance(handler, SharedRotatingFileHandler) for handler in logger.handlers):
        return logger
    folder.mkdir(parents=True, exist_ok=True)
    handler = SharedRotatingFileHandler(
        folder / FILE_NAME, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8"
    )
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger
