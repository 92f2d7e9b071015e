"""Dagster's instance of the home: the storage that commands, `dagster dev` and `dg dev` share.

Dagster finds its storage by the variable `DAGSTER_HOME` alone. Without it `dagster dev` makes a
temporary storage, unless the `dagster.yaml` of the folder names a class of instance, as that of
this repository does. The class here leads to the home of the settings, whose own `dagster.yaml`
names it too.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.config import DAGSTER_CONFIG_YAML_FILENAME
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._serdes import ConfigurableClassData

from options_platform.adapters.storage.home import enter_home, prepare_home
from options_platform.serving.pages import serve_beside
from options_platform.settings import load_settings

DEFINITIONS = "options_platform.definitions"
"""The module with the definitions, which is also the name of their code location."""

DEV = "DAGSTER_IS_DEV_CLI"
"""Set by `dagster dev` for itself and its processes; they are given the instance that it made."""

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
        """What the `dagster.yaml` of the home or of the working directory leaves out.

        In place of `base_dir`, where that is a temporary folder, the home of the settings is
        prepared and used, also by the processes that this one starts. `dagster dev` serves the
        report as well.
        """
        if Path(base_dir, DAGSTER_CONFIG_YAML_FILENAME).exists():
            if DEV in os.environ:
                serve_beside(load_settings())
            return InstanceRef.config_defaults(base_dir)
        settings = load_settings()
        prepare_home(settings)
        enter_home(settings)
        logging.getLogger("dagster").info(
            "Storage, in place of a temporary directory: the home %s", settings.home
        )
        ref = InstanceRef.from_dir(str(settings.dagster_home))
        if ref.custom_instance_class_data is None and DEV in os.environ:
            serve_beside(settings)
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
