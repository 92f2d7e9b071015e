"""Dagster's instance of the home: the storage that commands, `dagster dev` and `dg dev` share.

Dagster finds its storage by the variable `DAGSTER_HOME` alone. In a folder without it, `dagster dev`
makes a new, temporary storage; unless the folder's `dagster.yaml` names a class of instance, as that
of this repository does. The class here leads to the home of the settings.

`dagster.yaml` names this module and its class, so their names cannot change.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._serdes import ConfigurableClassData

from options_platform.adapters.storage.home import enter_home, prepare_home
from options_platform.settings import load_settings

DEFINITIONS = "options_platform.definitions"
"""The module with the definitions, which is also the name of their code location."""

REPOSITORY = "__repository__"
"""The name that Dagster gives to definitions without a repository."""


class HomeInstance(dg.DagsterInstance):
    """An instance whose runs name the code location of the platform, whatever launched them.

    The timeline of the web UI leaves out runs that name none.
    """

    @classmethod
    def config_schema(cls) -> Mapping[str, Any]:
        """No keys of `dagster.yaml` beside Dagster's own."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """What `dagster.yaml` leaves out: that of the home of the settings, which is prepared.

        Dagster's processes that this one starts use the same home. `base_dir` is ignored.
        """
        settings = load_settings()
        prepare_home(settings)
        enter_home(settings)
        logging.getLogger("dagster").info("Storage, in place of a temporary directory: the home %s", settings.home)
        ref = InstanceRef.from_dir(str(settings.dagster_home))
        return {
            "local_artifact_storage": ref.local_artifact_storage_data,
            "compute_logs": ref.compute_logs_data,
            "storage": ref.storage_data,
            "run_storage": ref.run_storage_data,
            "event_log_storage": ref.event_storage_data,
            "schedule_storage": ref.schedule_storage_data,
            "scheduler": ref.scheduler_data,
            "run_coordinator": ref.run_coordinator_data,
            "run_launcher": ref.run_launcher_data,
            "secrets": ref.secrets_loader_data,
            "defs_state_storage": ref.defs_state_storage_data,
        }

    def create_run_for_job(self, job_def: dg.JobDefinition, *args: Any, **options: Any) -> Any:
        """A run of a job that this process has loaded, with its code location."""
        options.setdefault("remote_job_origin", _origin(job_def.name))
        return super().create_run_for_job(job_def, *args, **options)


def open_instance(dagster_home: Path) -> dg.DagsterInstance:
    """The instance of a DAGSTER_HOME, for runs in this process; a context manager closes it."""
    ref = InstanceRef.from_dir(str(dagster_home))
    ours = ConfigurableClassData(HomeInstance.__module__, HomeInstance.__name__, "{}\n")
    return dg.DagsterInstance.from_ref(ref._replace(custom_instance_class_data=ours))


def _origin(job: str) -> RemoteJobOrigin:
    loaded = LoadableTargetOrigin(executable_path=sys.executable, module_name=DEFINITIONS)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(loaded, location_name=DEFINITIONS)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, REPOSITORY), job)
