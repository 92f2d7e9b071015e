"""What every answer of the fake server is made of: numbers and times as text, and refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

Json = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A body as it is sent, which need not be JSON."""

    text: str
    content_type: str = "application/json"

    @classmethod
    def of_json(cls, body: Any) -> Self:
        """A body of JSON; nothing at all for None."""
        return cls("" if body is None else json.dumps(body))


class Refusal(Exception):  # noqa: N818 (an answer, not an error)
    """An answer of Alpaca's that refuses: HTTP status, its code, its words and other fields."""

    def __init__(self, status: int, code: int, message: str, **fields: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message, **fields}


def stamp(moment: datetime) -> str:
    """A time as Alpaca writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def number(text: object) -> float:
    """A quantity from its text; an int where it is whole."""
    value = float(str(text))
    return int(value) if value.is_integer() else value


def text_of(quantity: float) -> str:
    """A quantity as Alpaca writes it: "2", "0.75"."""
    return str(int(quantity)) if float(quantity).is_integer() else str(quantity)
