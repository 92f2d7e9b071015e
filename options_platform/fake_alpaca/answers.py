"""Parts of the fake server's answers: numbers and times as text, and refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

Json = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A body as it is sent; it may be something else than JSON."""

    text: str
    content_type: str = "application/json"

    @classmethod
    def of_json(cls, body: Any) -> Self:
        """A JSON body; an empty one for None."""
        return cls("" if body is None else json.dumps(body))


class Refusal(Exception):  # noqa: N818 (an answer, not an error)
    """A refusal by Alpaca: HTTP status, error code, message and further fields."""

    def __init__(self, status: int, code: int, message: str, **fields: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message, **fields}


def stamp(moment: datetime) -> str:
    """A time in Alpaca's format."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def number(text: object) -> float:
    """A quantity from its text; an int if it is whole."""
    value = float(str(text))
    return int(value) if value.is_integer() else value


def text_of(quantity: float) -> str:
    """A quantity in Alpaca's format: "2", "0.75"."""
    return str(int(quantity)) if float(quantity).is_integer() else str(quantity)
