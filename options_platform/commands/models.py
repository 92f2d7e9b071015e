"""`models`: lists champions and challengers, promotes a candidate, rolls a promotion back."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from options_platform.commands.common import (
    print_json,
    print_table,
    read_home,
    reading_settings,
    ready_settings,
    say,
)
from options_platform.errors import UsageError

COLUMNS = ("target", "model", "champion", "loss", "naive_loss", "p_naive", "p_champion", "folds")


def models(args: argparse.Namespace) -> int:
    """List the contenders, promote one, or bring back the previous champion.

    Raises :class:`UsageError` if a promotion or rollback names no target or candidate.
    """
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.adapters.tracking.model_registry import ModelRegistry

    if args.action == "list":
        settings = reading_settings()
        return _list(args, ModelRegistry(settings.home, read_home(settings).warehouse))
    settings = ready_settings()
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    registry = ModelRegistry(settings.home, warehouse)
    if args.target is None:
        raise UsageError(f"models {args.action} needs --target direction or iv_rank")
    now = datetime.now(UTC)
    if args.action == "rollback":
        name = registry.rollback(args.target, now=now)
        decision: dict[str, Any] = {"target": args.target, "champion": name}
    else:
        if not args.name:
            raise UsageError(
                "models promote: name the candidate, see: options-platform models list"
            )
        contender = registry.promote(args.target, args.name, now=now)
        decision = {"target": args.target, "champion": args.name, "test": asdict(contender)}
    if args.json:
        print_json(decision)
    else:
        say(
            f"{decision['champion']} is the champion of {args.target}; backfill to predict with it "
            "and to make its newest model a version of MLflow's registry"
        )
    return 0


def _list(args: argparse.Namespace, registry: Any) -> int:
    from options_platform.contracts import TRIAL_FOLDS, TRIALS
    from options_platform.models.selection.candidates import CANDIDATES
    from options_platform.models.study.luck import luck

    rows: list[dict[str, Any]] = []
    luck_by_target: dict[str, dict[str, float]] = {}
    for target in (args.target,) if args.target else CANDIDATES:
        champion = registry.champion(target)
        contenders = registry.contenders(target)
        if not contenders:
            rows.append({"target": target, "model": champion, "champion": "yes"})
            continue
        luck_by_target[target] = luck(
            registry.warehouse.read(TRIALS),
            registry.warehouse.read(TRIAL_FOLDS),
            [each.trial_id for each in contenders],
        )
        rows += [
            {
                "target": target,
                "model": each.model,
                "champion": "yes" if each.model == champion else "",
                "loss": each.loss,
                "naive_loss": each.naive_loss,
                "p_naive": each.against_naive.p_value,
                "p_champion": each.against_champion.p_value,
                "folds": each.against_naive.folds,
            }
            for each in contenders
        ]
    if args.json:
        print_json({"models": rows, "luck": luck_by_target})
        return 0
    shown = [{k: f"{v:.4f}" if isinstance(v, float) else v for k, v in r.items()} for r in rows]
    print_table(shown, COLUMNS)
    for target, figures in luck_by_target.items():
        say(f"{target}: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))
    if not luck_by_target:
        say("No trials yet; run: options-platform research")
    return 0
