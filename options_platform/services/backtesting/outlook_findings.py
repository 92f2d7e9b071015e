"""What `doctor` says of the pace of trading, the account, and the cells that did not trade."""

from __future__ import annotations

from collections.abc import Sequence

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.published.refreshing import open_copy
from options_platform.errors import PlatformError
from options_platform.services.backtesting.outlook import make_outlook, pace_text, until_text
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform.services.planning.strategy_needs import strategy_needs
from options_platform.settings import Settings

WAIT_SECONDS = 5.0
NEWEST_SESSIONS = 252


def outlook_findings(settings: Settings, findings: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Notes on the pace of trading; one that says why it is unknown, if it is.

    `findings` are those of the other checks: nothing is read from a database that they call broken.
    """
    broken = {finding.what for finding in findings if finding.state == Diagnosis.BROKEN}
    if broken & {settings.warehouse_path.name, settings.ledger_path.name, "warehouse", "home"}:
        return [_note("pace", "not computed, since a database is damaged")]
    if not settings.warehouse_path.exists():
        return [_note("pace", "not computed without predictions; run: options-platform backfill")]
    copy = open_copy(settings.home, wait_seconds=WAIT_SECONDS)
    warehouse = copy.warehouse(settings.warehouse_path, wait_seconds=WAIT_SECONDS)
    try:
        outlook = make_outlook(settings, warehouse, copy.ledger(open_ledger(settings)))
        needs = strategy_needs(settings, warehouse, NEWEST_SESSIONS)
    except PlatformError as error:
        return [_note("pace", f"not computed: {error}")]
    notes = [_note("pace", pace_text(outlook)), _note("paper trading", until_text(outlook))]
    notes += [_note("account", text) for text in needs.notes]
    notes.append(_note("confidence", outlook.confidence_text))
    span = f"in the last {outlook.recent_span}"
    notes.append(_note("entries", f"{outlook.entries_text}, {span}"))
    return notes + [_note("matrix", f"{text}, {span}") for text in outlook.idle_cells]


def _note(what: str, detail: str) -> Diagnosis:
    return Diagnosis(what, Diagnosis.NOTE, detail)
