"""Ids shortened to what tells them apart, and found again by any such beginning."""

from __future__ import annotations

from collections.abc import Collection

from options_platform.errors import UsageError, nearest
from options_platform.formats import count

CUT = "\N{HORIZONTAL ELLIPSIS}"
LEAST = 12
"""Characters that are kept of an id: the session and the ticker, where these tell it apart."""


def shortened(ids: Collection[str]) -> dict[str, str]:
    """By id its shortest beginning that no other has, with an ellipsis for the rest."""
    short = {}
    for one in ids:
        others = [other for other in ids if other != one]
        length = LEAST
        while length < len(one) and any(other.startswith(one[:length]) for other in others):
            length += 1
        # An ellipsis in place of one character saves nothing.
        short[one] = one if length + 1 >= len(one) else one[:length] + CUT
    return short


def found_by(beginning: str, ids: Collection[str], what: str) -> str:
    """The one id that begins so; the ellipsis of a shortened one may be copied with it.

    Raises :class:`UsageError` if none or several do.
    """
    if not ids:
        raise UsageError(f"there is no {what}")
    wanted = beginning.removesuffix(CUT)
    found = [one for one in ids if one.startswith(wanted)]
    if wanted in found:
        return wanted
    if not found:
        hint = nearest(wanted, list(ids))
        raise UsageError(f"no {what} has an id that begins with {wanted!r}; {hint}")
    if len(found) > 1:
        shown = ", ".join(shortened(found).values())
        raise UsageError(
            f"{count(len(found), what)} have an id that begins with {wanted!r}: {shown}; "
            "give more of it"
        )
    return found[0]
