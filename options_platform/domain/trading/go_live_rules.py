"""The settings of the go-live gate."""

from __future__ import annotations

from dataclasses import dataclass

NOT_READY = "GO_LIVE"
"""The code with which an entry for real money is refused."""


@dataclass(frozen=True)
class GoLiveRules:
    """What the go-live gate asks for beside 30 trades on paper that have earned something.

    The account and its ledger have agreed for `clean_sessions` sessions, and alerts, kill switch
    and backup have been tried within `tried_within_days` days. The record is that of the paper
    account of the same name in the home `paper_home`, by default in this one.
    """

    paper_home: str = ""
    clean_sessions: int = 20
    tried_within_days: int = 90

    def __post_init__(self) -> None:
        if self.clean_sessions < 1 or self.tried_within_days < 1:
            raise ValueError("clean_sessions and tried_within_days are at least 1")
