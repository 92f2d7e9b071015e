"""The exits that a rule set had when it could last be read, out of the forward record.

For positions of a set whose file has gone or cannot be read: they are left by the rules that they
were opened with, and not by another set's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.errors import PlatformError
from options_platform.settings import Settings


def with_recorded_exits(settings: Settings) -> Settings:
    """The settings, with the recorded exits for sets that cannot be read."""
    return replace(settings, recorded_exits=RecordedExits(settings.forward_record_path))


@dataclass(frozen=True)
class RecordedExits:
    """Reads the newest exits of a set from the forward record at `path`, each set once."""

    path: Path
    read: dict[str, ExitRules | None] = field(default_factory=dict)

    def __call__(self, rule_set: str) -> ExitRules | None:
        """The exits of the newest sound link that has any; None without one."""
        if rule_set not in self.read:
            try:
                self.read[rule_set] = self._newest(rule_set)
            except PlatformError as error:
                logging.getLogger("options_platform").warning(
                    "the exits of rule set %s are those of plan: %s", rule_set, error
                )
                self.read[rule_set] = None
        return self.read[rule_set]

    def _newest(self, rule_set: str) -> ExitRules | None:
        # Only a set that cannot be read asks, so nothing of this is loaded before.
        from options_platform.adapters.storage.forward_record import ForwardRecord
        from options_platform.services.forward.recording import read_rules

        for link in reversed(ForwardRecord(self.path).read().links):
            if link.rule_set == rule_set and link.content.trading:
                return read_rules(link.content.trading).exits
        return None
