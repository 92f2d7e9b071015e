"""Runs Dagster jobs from the shell: the jobs, assets and instance that the web UI uses."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

import dagster as dg

from options_platform import errors
from options_platform.adapters.event_log import quiet_fallback
from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.storage_faults import fault_in_words
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange, Progress
from options_platform.definitions import build_defs
from options_platform.defs.jobs import BACKTEST_JOB_NAME, JOB_NAME, REPORTING_JOB_NAME
from options_platform.defs.market_data.answers import ANSWERS_STEP
from options_platform.defs.market_data.answers import NAME as ANSWERED
from options_platform.defs.shared.partitions import BACKFILL_TAG, neighbours, range_tags
from options_platform.errors import PlatformError, UsageError
from options_platform.services.market_data.failed_tickers import failed as failed_tickers
from options_platform.services.market_data.failed_tickers import withheld
from options_platform.services.market_data.family_inputs import companies
from options_platform.services.market_data.own_chains import by_chain, may_be_modelled
from options_platform.serving.instance import open_instance
from options_platform.settings import Settings

DATA_ASSETS = ("raw_ohlcv", "vix", "features", "labels")
CHAIN_ASSETS = ("option_chain", "iv_history")
EVENT_ASSETS = ("earnings",)
MEASURES = ("surface_error",)
COMPANY_ASSETS = (
    "earnings_features",
    "cross_features",
    "earnings_events",
    "earnings_forecast",
)


@dataclass(frozen=True)
class RunOutcome:
    """A finished run: its id, its partitions, and each check that did not pass, as one line.

    `failed` has by ticker why the sources did not give what it needs; the others are computed.
    """

    run_id: str
    range: PartitionRange
    warnings: tuple[str, ...]
    failed: Mapping[str, str] = field(default_factory=dict)


class RunFailedError(PlatformError):
    """A run failed; the message is the cause that the failing step reported."""

    def __init__(self, message: str, run_id: str = "") -> None:
        super().__init__(message)
        self.run_id = run_id


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

    A run covers neighbouring tickers of the settings, so other selections take one run per group;
    the data assets of all groups then come before the models, which read every ticker. A group
    whose sources all fail does not stop the others.

    Raises :class:`RunFailedError` with the failing step's message, also if the sources of all
    tickers fail, and :class:`UsageError` for an asset that the source or the tickers do not have.
    """
    if progress is not None:
        overrides["progress"] = progress
    definitions = build_defs(settings, **overrides)
    assets = _existing(definitions, settings, assets, backfill=backfill)
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    groups = neighbours(selected.tickers, settings.tickers)
    phases = [assets] if len(groups) == 1 else _phases(assets)
    outcomes = []
    with open_instance(settings.dagster_home) as instance:
        for phase in phases:
            for tickers in groups:
                part = PartitionRange(selected.start, selected.end, tickers)
                try:
                    outcome = _run(
                        definitions, instance, part, phase, backfill=backfill, warehouse=warehouse
                    )
                except RunFailedError as error:
                    failed = withheld(warehouse, selected.tickers, selected.end)
                    if set(failed) >= set(selected.tickers) or not set(failed) >= set(tickers):
                        raise
                    of_group = {ticker: failed[ticker] for ticker in tickers}
                    outcome = RunOutcome(error.run_id, part, (), of_group)
                outcomes.append(outcome)
    return outcomes


def run_reporting(settings: Settings) -> str:
    """Materialise the marts and the report; returns the run's id.

    Raises :class:`RunFailedError` with the failing step's message.
    """
    return _run_whole(settings, REPORTING_JOB_NAME)


def run_backtest(settings: Settings, progress: Progress | None = None) -> str:
    """Materialise the backtest of the configured rules; returns the run's id.

    Raises :class:`RunFailedError` with the failing step's message.
    """
    return _run_whole(settings, BACKTEST_JOB_NAME, progress)


def _run_whole(settings: Settings, job: str, progress: Progress | None = None) -> str:
    definitions = build_defs(settings, **({} if progress is None else {"progress": progress}))
    with open_instance(settings.dagster_home) as instance, quiet_fallback():
        outcome = definitions.resolve_job_def(job).execute_in_process(
            instance=instance, raise_on_error=False
        )
    if not outcome.success:
        raise RunFailedError(_cause(outcome), outcome.run_id)
    return outcome.run_id


def history_assets(settings: Settings) -> tuple[str, ...]:
    """Assets that a backfill of history needs; with chains and reports if a ticker's implied
    volatility needs them."""
    chains = CHAIN_ASSETS if by_chain(settings) else ()
    dates = EVENT_ASSETS if may_be_modelled(settings) or companies(settings) else ()
    reports = COMPANY_ASSETS[:1] if companies(settings) else ()
    return (*DATA_ASSETS, *chains, *dates, *reports)


def _existing(
    definitions: dg.Definitions,
    settings: Settings,
    assets: Sequence[str] | None,
    *,
    backfill: bool,
) -> Sequence[str] | None:
    """`assets`, if the source provides them; for a backfill of everything, all but the chains.

    Chains are large, and many sources have only today's. They are included where a ticker's
    implied volatility comes from its own chain, because `vix` is computed from them. What stored
    chains say of the surface is included, since a backfill may have changed their indices.
    """
    from options_platform.adapters.storage.tables import ASSET_TABLES

    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    existing = {key.to_user_string() for key in keys}
    if assets is not None:
        absent = [name for name in assets if name not in existing]
        if absent and absent[0] in COMPANY_ASSETS:
            raise UsageError(
                f"{absent[0]}: {', '.join(settings.tickers)} are funds, which report no earnings; "
                "it is there once the setting tickers has a company"
            )
        if absent:
            raise UsageError(f"{absent[0]}: source {settings.source} provides no option chains")
        return assets
    if not backfill:
        return None
    names = [*(table.name for table in ASSET_TABLES), *EVENT_ASSETS]
    names += [name for name in COMPANY_ASSETS if name in existing]
    if by_chain(settings) and set(CHAIN_ASSETS) <= existing:
        names += CHAIN_ASSETS
    if set(MEASURES) <= existing and _has_chains(settings):
        names += MEASURES
    return names


def _has_chains(settings: Settings) -> bool:
    return bool(ChainStore(settings.chains_path).stored(tickers=settings.tickers))


def asset_names(definitions_names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """`wanted` in the order of `definitions_names`; :class:`UsageError` for an unknown name."""
    unknown = [name for name in wanted if name not in definitions_names]
    if unknown:
        near = get_close_matches(unknown[0], definitions_names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"no asset {unknown[0]!r}; assets are {', '.join(definitions_names)}{hint}"
        )
    return [name for name in definitions_names if name in wanted]


def _phases(assets: Sequence[str] | None) -> list[Sequence[str] | None]:
    from options_platform.adapters.storage.tables import ASSET_TABLES

    names = list(assets) if assets else [*(t.name for t in ASSET_TABLES), *EVENT_ASSETS]
    early = (*DATA_ASSETS, *CHAIN_ASSETS, *EVENT_ASSETS, *MEASURES, COMPANY_ASSETS[0])
    data = [name for name in names if name in early]
    later = [name for name in names if name not in early]
    return [part for part in (data, later) if part]


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    selected: PartitionRange,
    assets: Sequence[str] | None,
    *,
    backfill: bool,
    warehouse: Warehouse,
) -> RunOutcome:
    job = definitions.resolve_job_def(JOB_NAME)
    keys = [dg.AssetKey(name) for name in assets] if assets else None
    tags = range_tags(selected) | ({BACKFILL_TAG: "shell"} if backfill else {})
    # Without a fixed moment Dagster lists every session again each time, which takes 0.1 s.
    with dg.partition_loading_context(effective_dt=datetime.now(UTC)), quiet_fallback():
        outcome = job.execute_in_process(
            instance=instance, tags=tags, asset_selection=keys, raise_on_error=False
        )
    steps = {event.step_key for event in outcome.all_events if event.is_step_failure}
    if not outcome.success and steps != {ANSWERS_STEP}:
        raise RunFailedError(_cause(outcome), outcome.run_id)
    failed = [
        f"{e.asset_key.to_user_string()}.{e.check_name}: {e.description or 'not passed'}"
        for e in outcome.get_asset_check_evaluations()
        if not e.passed and e.check_name != ANSWERED
    ]
    reasons = failed_tickers(warehouse, selected.tickers, selected.end)
    return RunOutcome(outcome.run_id, selected, tuple(failed), reasons)


def _cause(outcome: dg.ExecuteInProcessResult) -> str:
    failed = [e for e in outcome.get_asset_check_evaluations() if e.blocking and not e.passed]
    if failed:
        return _failed_check(failed[0], outcome.run_id)
    for event in outcome.all_events:
        if event.is_step_failure:
            chain = []
            error = event.step_failure_data.error
            while error is not None:
                chain.append(error)
                error = error.cause
            if not chain:
                continue
            # The platform's errors are written for people; without one, show the innermost error.
            expected = [error for error in chain if _is_expected(error.message)]
            message = (expected or chain[-1:])[0].message.strip()
            shown = message.partition(": ")[2] if expected else message
            if not expected:
                fault = fault_in_words("\n".join(error.message for error in chain), "the home")
                shown = shown if fault is None else str(fault)
                logging.getLogger("options_platform").error("%s", chain[0].to_string())
            return f"{event.step_key}: {shown.splitlines()[0]} (run {outcome.run_id[:8]})"
    return f"the run {outcome.run_id[:8]} failed; its log is in the web UI: options-platform ui"


def _failed_check(check: dg.AssetCheckEvaluation, run_id: str) -> str:
    # Dagster's message names the check only on its second line, and shows no row.
    examples = check.metadata.get("examples")
    shown = f", e.g. {examples.value}" if examples is not None else ""
    return (
        f"{check.asset_key.to_user_string()}.{check.check_name}: {check.description}{shown}; "
        "nothing downstream was computed; correct the cause of these rows, then backfill their "
        f"sessions again (run {run_id[:8]})"
    )


def _is_expected(message: str) -> bool:
    name = message.strip().partition(": ")[0].rsplit(".", 1)[-1]
    error_type = getattr(errors, name, None)
    return isinstance(error_type, type) and issubclass(error_type, PlatformError)
