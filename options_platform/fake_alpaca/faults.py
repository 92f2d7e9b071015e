"""Faults on demand for the next requests of a kind.

A fault is a mapping, so that it can be sent to the server as JSON:

* `on`: method and beginning of the path, e.g. "POST /v2/orders"; `times`: number of requests (1).
* `do`: "status" (answer `status`, do not execute), "status_after" (execute, then answer `status`),
  "drop" and "drop_after" (close the connection without an answer), "hang" and "hang_after" (no
  answer for `seconds`), "late" (no answer, execute after `seconds`), "underway" (no answer,
  execute with the script `arrive`).
* For a POST that is executed: `then` "reject", "fill", "part" (fill `spreads`) or "rest".
* `body` (JSON) or `text` with a `content_type` replaces the default JSON error; `page` names one
  of :data:`PAGES`, which has its own status.
* `skip`: number of requests to let pass first; `after`: start after a request that begins so.
"""

from __future__ import annotations

from typing import Any

from options_platform.fake_alpaca.answers import Json, Page

KINDS = (
    "status",
    "status_after",
    "drop",
    "drop_after",
    "hang",
    "hang_after",
    "late",
    "underway",
    "outcome",
    "pending_cancel",
)

HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"
PAGES: dict[str, Json] = {
    "forbidden": {
        "status": 403,
        "text": HTML.format("403 Forbidden"),
        "content_type": "text/html; charset=UTF-8",
    },
    "not_found": {
        "status": 404,
        "text": "404 page not found\n",
        "content_type": "text/plain; charset=utf-8",
    },
    "bad_gateway": {
        "status": 502,
        "text": HTML.format("502 Bad Gateway"),
        "content_type": "text/html",
    },
}
"""Answers of gateways in front of the broker, none of which comes from the API itself."""


def answer_of(fault: Json) -> tuple[int, Any]:
    """Status and body of the answer of a fault."""
    page = fault | (PAGES[fault["page"]] if "page" in fault else {})
    status = int(page.get("status", 504))
    if "text" in page:
        return status, Page(page["text"], page.get("content_type", "text/html"))
    return status, page.get("body", {"code": status * 100_000, "message": "scripted fault"})


class Faults:
    """The scheduled faults, in their order."""

    def __init__(self) -> None:
        self._waiting: list[Json] = []

    def add(self, fault: Json) -> None:
        """Schedule a fault; ValueError for an unknown kind or page."""
        if fault.get("do") not in KINDS:
            raise ValueError(f"unknown fault {fault.get('do')!r}; known are {', '.join(KINDS)}")
        if fault.get("page", "forbidden") not in PAGES:
            raise ValueError(f"unknown page {fault['page']!r}; there are {', '.join(PAGES)}")
        self._waiting.append({"on": "POST /v2/orders", "times": 1, "skip": 0} | fault)

    def clear(self) -> None:
        """Remove all scheduled faults."""
        self._waiting.clear()

    def next(self, request: str) -> Json | None:
        """Use the fault of a request such as "POST /v2/orders"; None if it has none."""
        ready = [fault for fault in self._waiting if "after" not in fault]
        for fault in self._waiting:
            if request.startswith(fault.get("after", request + "?")):
                del fault["after"]
        for fault in ready:
            if not request.startswith(fault["on"]):
                continue
            if fault["skip"] > 0:
                fault["skip"] -= 1
                return None
            fault["times"] -= 1
            if fault["times"] <= 0:
                self._waiting.remove(fault)
            return fault
        return None
