"""Champions: stored in the warehouse for runs, and mirrored in MLflow's registry for people.

The registered models `direction` and `iv_rank` have a version for each newest fold of a champion,
with the aliases `champion` and `previous`. Runs read the table, so that a daily run without
training need not import MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.client import clear_errors, open_client
from options_platform.adapters.tracking.model_store import ModelStore
from options_platform.contracts import (
    CHAMPIONS,
    MODEL_FOLDS,
    MODEL_PREDICTIONS,
    TRIAL_FOLDS,
    TRIALS,
)
from options_platform.errors import UsageError
from options_platform.models.dataset import model_inputs
from options_platform.models.promotion import (
    Contender,
    before,
    blend_of,
    contenders,
    reigning,
    reigns_of,
)
from options_platform.models.study.model_study import OUTPUTS, SHIPPED

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIASES = ("champion", "previous")


class Published(NamedTuple):
    """A version in the registry: its number, champion, and row of `model_folds`."""

    number: int
    variant: str
    fold: dict[str, Any]


class ModelRegistry:
    """The champions of one home."""

    def __init__(self, home: Path, warehouse: Warehouse) -> None:
        self.home = home
        self.warehouse = warehouse

    def champion(self, target: str) -> str:
        """The name of the reigning variant."""
        return reigning(self.warehouse.read(CHAMPIONS), target)

    def contenders(self, target: str) -> list[Contender]:
        """The trials on the champion's data, best first."""
        # Scores on the years reserved for a final look must not influence the choice.
        trials = self.warehouse.read(TRIALS).filter(pl.col("purpose") == "choice")
        return contenders(
            trials,
            self.warehouse.read(TRIAL_FOLDS),
            target,
            self.champion(target),
        )

    def promote(self, target: str, name: str, *, now: datetime) -> Contender:
        """Make a variant the champion if its trial beats the naive forecast and the champion.

        If none of its folds is published yet, the alias `champion` in MLflow's registry is set
        after its first backfill.

        Raises :class:`UsageError` with the figures of the tests if it does not beat both.
        """
        blend_of(target, name)
        champion = self.champion(target)
        if name == champion:
            raise UsageError(f"{name} is the champion of {target} already")
        by_model = {each.model: each for each in self.contenders(target)}
        if name not in by_model or champion not in by_model:
            raise UsageError(
                f"{name} and the champion {champion} have no trials on the same data; run: "
                f"options-platform research --target {target} --models {name},{champion}"
            )
        contender = by_model[name]
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
        """Bring back the previous champion; returns its name.

        The champion that was rolled back does not return with the next rollback. Raises
        :class:`UsageError` if there is no previous champion.
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
        client = open_client(self.home)
        versions = self._versions(client, target)
        newest = (_newest(versions, name), _newest(versions, previous))
        self._set_aliases(client, target, newest)
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

    def publish(
        self,
        target: str,
        predicted: pl.DataFrame,
        *,
        store: ModelStore,
        example: pl.DataFrame | None = None,
    ) -> Published | None:
        """Register the model of the newest session as a version, and set the aliases.

        A model that is registered already is not logged again. If later sessions are stored,
        nothing is done and None is returned, since their model may be another one.

        Args:
            target: direction or iv_rank.
            predicted: rows that the champion has just predicted, with date and model_id.
            store: the store of its folds.
            example: a few rows of the inputs, stored with the model; it has them all in order.
        """
        rows = predicted.drop_nulls("model_id").sort("date")
        if rows.is_empty():
            return None
        model_id, last = rows["model_id"][-1], rows["date"][-1]
        stored = self.warehouse.read(MODEL_PREDICTIONS, columns=["date", "model"], start=last)
        if stored.filter(pl.col("model") == SHIPPED[target], pl.col("date") > last).height:
            return None
        client = open_client(self.home)
        champions = self.warehouse.read(CHAMPIONS)
        variant = reigning(champions, target)
        fold = self.warehouse.read(MODEL_FOLDS).filter(model=SHIPPED[target], model_id=model_id)
        versions = self._versions(client, target)
        wanted = {"variant": variant, "model_id": model_id}
        number = max(
            (n for n, tags in versions.items() if wanted.items() <= tags.items()), default=None
        )
        published = fold.row(0, named=True)
        if number is None:
            logged = store.log_model(
                SHIPPED[target],
                model_id,
                target=target,
                variant=variant,
                inputs=model_inputs() if example is None else tuple(example.columns),
                outputs=OUTPUTS[target],
                example=example,
            )
            with clear_errors(self.home):
                if not client.search_registered_models(f"name = '{target}'"):
                    client.create_registered_model(target)
                # By its location: MLflow would look up models:/... in its global store.
                registered = client.create_model_version(
                    target,
                    client.get_logged_model(logged.model_id).artifact_location,
                    logged.run_id,
                    tags={
                        **wanted,
                        "fold": published["fold"],
                        "train_end": published["train_end"].isoformat(),
                        "sha256": published["sha256"],
                    },
                    model_id=logged.model_id,
                )
            number = int(registered.version)
        previous = _newest(versions, before(champions, target))
        self._set_aliases(client, target, (number, previous))
        return Published(number, variant, published)

    def describe(self, target: str, number: int, *, model: str, version: str) -> None:
        """Set the descriptions of a registered model and of one version, in Markdown."""
        client = open_client(self.home)
        with clear_errors(self.home):
            client.update_registered_model(target, description=model)
            client.update_model_version(target, str(number), description=version)

    def _set_aliases(
        self, client: MlflowClient, target: str, numbers: Sequence[int | None]
    ) -> None:
        """Set the aliases champion and previous; an alias stays if its version is None."""
        with clear_errors(self.home):
            for alias, number in zip(ALIASES, numbers, strict=True):
                if number is not None:
                    client.set_registered_model_alias(target, alias, str(number))

    def _versions(self, client: MlflowClient, target: str) -> dict[int, dict[str, str]]:
        """Tags of the registered versions with a model, by version number."""
        with clear_errors(self.home):
            versions = client.search_model_versions(f"name = '{target}'")
        tags = {int(version.version): dict(version.tags) for version in versions}
        return {number: each for number, each in tags.items() if "model_id" in each}


def _newest(versions: Mapping[int, Mapping[str, str]], variant: str | None) -> int | None:
    return max((n for n, tags in versions.items() if tags["variant"] == variant), default=None)
