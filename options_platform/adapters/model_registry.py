"""Champions: a row of the warehouse that runs read, mirrored in MLflow's registry for people.

The registered models `direction` and `iv_rank` have one version a reign, with the aliases
`champion` and `previous`. Runs read the table, so that a daily run need not import MLflow.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from options_platform.adapters.mlflow_client import artifacts_of, open_client
from options_platform.adapters.warehouse import Warehouse
from options_platform.contracts import CHAMPIONS, TRIAL_FOLDS, TRIALS
from options_platform.errors import UsageError
from options_platform.models.promotion import (
    Contender,
    blend_of,
    contenders,
    reigning,
    reigns_of,
)

ALIASES = ("champion", "previous")


class ModelRegistry:
    """The champions of one home."""

    def __init__(self, home: Path, warehouse: Warehouse) -> None:
        self.home = home
        self.warehouse = warehouse

    def champion(self, target: str) -> str:
        """The name of the reigning variant."""
        return reigning(self.warehouse.read(CHAMPIONS), target)

    def contenders(self, target: str) -> list[Contender]:
        """The trials comparable with the champion's, best first."""
        # Years that were scored once, after all choices, must not choose.
        trials = self.warehouse.read(TRIALS).filter(pl.col("purpose") == "choice")
        return contenders(
            trials,
            self.warehouse.read(TRIAL_FOLDS),
            target,
            self.champion(target),
        )

    def promote(self, target: str, name: str, *, now: datetime) -> Contender:
        """Make a variant champion, if its trial beats the naive forecast and the champion.

        Raises :class:`UsageError` with the tests' figures where it does not.
        """
        blend_of(target, name)
        champion = self.champion(target)
        if name == champion:
            raise UsageError(f"{name} is the champion of {target} already")
        found = {each.model: each for each in self.contenders(target)}
        if name not in found or champion not in found:
            raise UsageError(
                f"{name} and the champion {champion} have no trials on the same data; run: "
                f"options-platform research --target {target} --models {name},{champion}"
            )
        contender = found[name]
        if contender.too_good:
            raise UsageError(
                f"{name} is too good to be true, look for a leak in its inputs: "
                f"{'; '.join(contender.too_good)}"
            )
        if not contender.wins:
            naive, over = contender.against_naive, contender.against_champion
            raise UsageError(
                f"{name} is not better by more than chance: p {naive.p_value:.3f} against the "
                f"naive forecast, p {over.p_value:.3f} against {champion} over {over.folds} folds"
            )
        self._crown(
            target,
            name,
            reason=f"promoted over {champion}",
            now=now,
            trial_id=contender.trial_id,
            p_naive=contender.against_naive.p_value,
            p_previous=contender.against_champion.p_value,
        )
        return contender

    def rollback(self, target: str, *, now: datetime) -> str:
        """Bring back the champion before the reigning one; its name.

        What was rolled back does not come back by the next rollback. Raises :class:`UsageError`
        where none reigned before.
        """
        reigns = reigns_of(self.warehouse.read(CHAMPIONS), target)
        if len(reigns) == 1:
            raise UsageError(
                f"{reigns[0]} is the first champion of {target}: nothing to go back to"
            )
        self._crown(target, reigns[-2], reason=f"rolled back from {reigns[-1]}", now=now)
        return reigns[-2]

    def _crown(
        self,
        target: str,
        name: str,
        *,
        reason: str,
        now: datetime,
        trial_id: str | None = None,
        p_naive: float | None = None,
        p_previous: float | None = None,
    ) -> None:
        rows = self.warehouse.read(CHAMPIONS).filter(pl.col("target") == target)
        previous = self.champion(target)
        number = int(rows["number"].max() or 0) + 1  # type: ignore[arg-type]
        self._mirror(target, name, previous, reason)
        row = {
            "target": target,
            "number": number,
            "model": name,
            "trial_id": trial_id,
            "p_naive": p_naive,
            "p_previous": p_previous,
            "reason": reason,
            "since": now,
        }
        self.warehouse.upsert(CHAMPIONS, pl.DataFrame([row], schema=CHAMPIONS.schema))

    def _mirror(self, target: str, name: str, previous: str, reason: str) -> None:
        from mlflow.exceptions import MlflowException

        client = open_client(self.home)
        try:
            client.create_registered_model(target)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        versions = {
            version.tags.get("variant"): version.version
            for version in client.search_model_versions(f"name = '{target}'")
        }
        for variant in (previous, name):
            if variant not in versions:
                source = f"{artifacts_of(self.home)}/{target}"
                made = client.create_model_version(
                    target, source=source, tags={"variant": variant}, description=reason
                )
                versions[variant] = made.version
        for alias, variant in zip(ALIASES, (name, previous), strict=True):
            client.set_registered_model_alias(target, alias, str(versions[variant]))
