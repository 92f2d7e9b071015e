"""`models`: who is champion, who challenges, promotion and rollback."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from options_platform.commands.common import print_json, print_table, ready_settings, say
from options_platform.errors import UsageError

COLUMNS = ("target", "model", "champion", "loss", "naive_loss", "p_naive", "p_champion", "folds")


def models(args: argparse.Namespace) -> int:
    """List the contenders, promote one, or bring back the champion before."""
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.adapters.tracking.model_registry import ModelRegistry

    settings = ready_settings()
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    registry = ModelRegistry(settings.home, warehouse)
    if args.action == "list":
        return _list(args, registry)
    if args.target is None:
        raise UsageError(f"models {args.action}: say which with --target direction or iv_rank")
    now = datetime.now(UTC)
    if args.action == "rollback":
        name = registry.rollback(args.target, now=now)
        found: dict[str, Any] = {"target": args.target, "champion": name}
    else:
        if not args.name:
            raise UsageError(
                "models promote: name the candidate, see: options-platform models list"
            )
        contender = registry.promote(args.target, args.name, now=now)
        found = {"target": args.target, "champion": args.name, "test": asdict(contender)}
    if args.json:
        print_json(found)
    else:
        say(
            f"{found['champion']} is the champion of {args.target}; backfill to predict with it "
            "and to make its newest model a version of MLflow's registry"
        )
    return 0


def _list(args: argparse.Namespace, registry: Any) -> int:
    from options_platform.contracts import TRIAL_FOLDS, TRIALS
    from options_platform.models.selection.candidates import CANDIDATES
    from options_platform.models.study.luck import luck

    rows: list[dict[str, Any]] = []
    chance: dict[str, dict[str, float]] = {}
    for target in (args.target,) if args.target else CANDIDATES:
        champion = registry.champion(target)
        found = registry.contenders(target)
        if not found:
            rows.append({"target": target, "model": champion, "champion": "yes"})
            continue
        chance[target] = luck(
            registry.warehouse.read(TRIALS),
            registry.warehouse.read(TRIAL_FOLDS),
            [each.trial_id for each in found],
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
            for each in found
        ]
    if args.json:
        print_json({"models": rows, "luck": chance})
        return 0
    shown = [{k: f"{v:.4f}" if isinstance(v, float) else v for k, v in r.items()} for r in rows]
    print_table(shown, COLUMNS)
    for target, figures in chance.items():
        say(f"{target}: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))
    if not chance:
        say("No trials yet; run: options-platform research")
    return 0
