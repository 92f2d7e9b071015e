"""Running the job from the shell: the same job, assets and instance as the web UI's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from options_platform import errors
from options_platform.adapters.event_log import quiet_fallback
from options_platform.adapters.storage.storage_faults import fault_in_words
from options_platform.common import PartitionRange, Progress
from options_platform.definitions import build_defs
from options_platform.defs.jobs import BACKTEST_JOB_NAME, JOB_NAME, REPORTING_JOB_NAME
from options_platform.defs.shared.partitions import BACKFILL_TAG, neighbours, range_tags
from options_platform.errors import PlatformError, UsageError
from options_platform.services.market_data.own_chains import by_chain
from options_platform.settings import Settings

DATA_ASSETS = ("raw_ohlcv", "vix", "features", "labels")
CHAIN_ASSETS = ("option_chain", "iv_history")
EVENT_ASSETS = ("earnings",)


@dataclass(frozen=True)
class RunOutcome:
    """What a run did: its id, and the checks that did not pass."""

    run_id: str
    range: PartitionRange
    warnings: tuple[str, ...]


class RunFailedError(PlatformError):
    """The run failed; the message is the cause that the failing step gave."""


def run_job(
    settings: Settings,
    selected: PartitionRange,
    *,
    assets: Sequence[str] | None = None,
    backfill: bool = False,
    progress: Progress | None = None,
    **overrides: Any,
) -> list[RunOutcome]:
    """Materialise the assets over the range, in as few runs as Dagster can express.

    Tickers that are no neighbours in the settings' order need a run a group; the data assets of
    all groups then come before the models, which read every ticker.

    Raises :class:`RunFailedError` with the failing step's own message.
    """
    if progress is not None:
        overrides["progress"] = progress
    definitions = build_defs(settings, **overrides)
    assets = _existing(definitions, settings, assets, backfill=backfill)
    groups = neighbours(selected.tickers, settings.tickers)
    phases = [assets] if len(groups) == 1 else _phases(assets)
    outcomes = []
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        for phase in phases:
            for tickers in groups:
                part = PartitionRange(selected.start, selected.end, tickers)
                outcomes.append(_run(definitions, instance, part, phase, backfill=backfill))
    return outcomes


def run_reporting(settings: Settings) -> str:
    """Materialise the marts and the report; the run's id.

    Raises :class:`RunFailedError` with the failing step's own message.
    """
    return _run_whole(settings, REPORTING_JOB_NAME)


def run_backtest(settings: Settings, progress: Progress | None = None) -> str:
    """Materialise the backtest of the configured rules; the run's id.

    Raises :class:`RunFailedError` with the failing step's own message.
    """
    return _run_whole(settings, BACKTEST_JOB_NAME, progress)


def _run_whole(settings: Settings, job: str, progress: Progress | None = None) -> str:
    definitions = build_defs(settings, **({} if progress is None else {"progress": progress}))
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance, quiet_fallback():
        outcome = definitions.resolve_job_def(job).execute_in_process(
            instance=instance, raise_on_error=False
        )
    if not outcome.success:
        raise RunFailedError(_cause(outcome))
    return outcome.run_id


def history_assets(settings: Settings) -> tuple[str, ...]:
    """What missing history is made of: the chains too where a ticker goes by its own."""
    return (*DATA_ASSETS, *CHAIN_ASSETS) if by_chain(settings) else DATA_ASSETS


def _existing(
    definitions: dg.Definitions,
    settings: Settings,
    assets: Sequence[str] | None,
    *,
    backfill: bool,
) -> Sequence[str] | None:
    """`assets`, if the source has them; for a backfill of everything, all but the chains.

    Chains are large, and a source may have those of today alone. Where a ticker goes by its own
    chain they are in, since `vix` rests on them.
    """
    from options_platform.adapters.storage.tables import ASSET_TABLES

    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    existing = {key.to_user_string() for key in keys}
    if assets is not None:
        absent = [name for name in assets if name not in existing]
        if absent:
            raise UsageError(f"{absent[0]}: source {settings.source} gives no option chains")
        return assets
    if not backfill:
        return None
    names = [*(table.name for table in ASSET_TABLES), *EVENT_ASSETS]
    if by_chain(settings) and set(CHAIN_ASSETS) <= existing:
        names += CHAIN_ASSETS
    return names


def asset_names(definitions_names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """`wanted`, if all are names of assets; :class:`UsageError` naming the known ones otherwise."""
    unknown = [name for name in wanted if name not in definitions_names]
    if unknown:
        raise UsageError(f"no asset {unknown[0]!r}; assets are {', '.join(definitions_names)}")
    return [name for name in definitions_names if name in wanted]


def _phases(assets: Sequence[str] | None) -> list[Sequence[str] | None]:
    from options_platform.adapters.storage.tables import ASSET_TABLES

    names = list(assets) if assets else [*(t.name for t in ASSET_TABLES), *EVENT_ASSETS]
    early = (*DATA_ASSETS, *CHAIN_ASSETS, *EVENT_ASSETS)
    data = [name for name in names if name in early]
    rest = [name for name in names if name not in early]
    return [part for part in (data, rest) if part]


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    selected: PartitionRange,
    assets: Sequence[str] | None,
    *,
    backfill: bool,
) -> RunOutcome:
    job = definitions.resolve_job_def(JOB_NAME)
    keys = [dg.AssetKey(name) for name in assets] if assets else None
    tags = range_tags(selected) | ({BACKFILL_TAG: "shell"} if backfill else {})
    # Without a fixed moment Dagster lists every session anew, a tenth of a second each time.
    with dg.partition_loading_context(effective_dt=datetime.now(UTC)), quiet_fallback():
        outcome = job.execute_in_process(
            instance=instance, tags=tags, asset_selection=keys, raise_on_error=False
        )
    if not outcome.success:
        raise RunFailedError(_cause(outcome))
    failed = [
        f"{e.asset_key.to_user_string()}.{e.check_name}: {e.description or 'not passed'}"
        for e in outcome.get_asset_check_evaluations()
        if not e.passed
    ]
    return RunOutcome(outcome.run_id, selected, tuple(failed))


def _cause(outcome: dg.ExecuteInProcessResult) -> str:
    broken = [e for e in outcome.get_asset_check_evaluations() if e.blocking and not e.passed]
    if broken:
        return _broken_check(broken[0], outcome.run_id)
    for event in outcome.all_events:
        if event.is_step_failure:
            chain = []
            error = event.step_failure_data.error
            while error is not None:
                chain.append(error)
                error = error.cause
            if not chain:
                continue
            # The first error of ours says it for people; else the innermost one has to.
            ours = [found for found in chain if _is_expected(found.message)]
            message = (ours or chain[-1:])[0].message.strip()
            shown = message.partition(": ")[2] if ours else message
            if not ours:
                fault = fault_in_words("\n".join(error.message for error in chain), "the home")
                shown = shown if fault is None else str(fault)
                logging.getLogger("options_platform").error("%s", chain[0].to_string())
            return f"{event.step_key}: {shown.splitlines()[0]} (run {outcome.run_id[:8]})"
    return f"the run {outcome.run_id[:8]} failed; its log is in the web UI: options-platform ui"


def _broken_check(found: dg.AssetCheckEvaluation, run_id: str) -> str:
    # Dagster's own message names the check on its second line only, and no row.
    examples = found.metadata.get("examples")
    shown = f", e.g. {examples.value}" if examples is not None else ""
    return (
        f"{found.asset_key.to_user_string()}.{found.check_name}: {found.description}{shown}; "
        "nothing downstream was computed; mend what made these rows, then run the backfill of "
        f"their sessions again (run {run_id[:8]})"
    )


def _is_expected(message: str) -> bool:
    name = message.strip().partition(": ")[0].rsplit(".", 1)[-1]
    found = getattr(errors, name, None)
    return isinstance(found, type) and issubclass(found, PlatformError)
