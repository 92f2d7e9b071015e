"""What the compose file promises, read from it and from the Dockerfile."""

import re
import subprocess

import pytest
import yaml

from options_platform.commands.terminal.arguments import build_parser
from options_platform.settings import load_settings
from options_platform_tests.container.engine import DOCKER, ROOT, VARIABLE, dockerfile

COMPOSE = yaml.safe_load(
    VARIABLE.sub(lambda found: found[2], (DOCKER / "compose.yaml").read_text())
)
SERVICES = COMPOSE["services"]
IMAGE = dockerfile((DOCKER / "Dockerfile").read_text())


def test_the_fetch_of_the_plan_is_what_app_does_by_default():
    args = build_parser().parse_args(SERVICES["app"]["command"])
    assert (args.command, args.select) == ("backfill", ("raw_ohlcv", "vix"))
    settings = load_settings(DOCKER / "config", {})
    assert (settings.source, settings.tickers) == ("yahoo", ("SPY", "QQQ"))
    assert settings.broker == "simulated"
    # `up` starts everything else.
    assert [name for name, entry in SERVICES.items() if "profiles" in entry] == ["app"]


def test_every_service_is_reached_from_this_machine_alone():
    published = [port for entry in SERVICES.values() for port in entry.get("ports", ())]
    assert published == ["127.0.0.1:3000:3000", "127.0.0.1:5000:5000"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_writes_to_its_volumes_and_nothing_else(name):
    entry = SERVICES[name]
    assert entry["read_only"] is True
    assert entry["cap_drop"] == ["ALL"]
    assert entry["security_opt"] == ["no-new-privileges:true"]
    volumes = dict(volume.split(":", 1) for volume in entry["volumes"])
    mounted = {name: volumes[name] for name in COMPOSE["volumes"]}
    assert set(mounted.values()) == set(IMAGE["VOLUME"])
    hosts = set(volumes) - set(mounted)
    assert all(volumes[source].endswith(":ro") for source in hosts)
    # A bind of what does not exist would be created, owned by root.
    assert all((DOCKER / source).is_dir() for source in hosts)
    assert volumes["./config"] == f"{IMAGE['WORKDIR']}:ro"
    made = re.findall(r"-d -m 0700 -o platform -g platform (.*?) &&", IMAGE["RUN"] + " &&")
    assert set(made[0].split()) == set(mounted.values())


@pytest.mark.parametrize("name", ["webserver", "daemon", "mlflow"])
def test_a_service_that_stays_starts_again_and_has_a_health_check(name):
    entry = SERVICES[name]
    assert entry["restart"] == "unless-stopped"
    assert entry["healthcheck"]["test"][0] == "CMD"
    assert entry["entrypoint"][2].startswith("umask 077 && ")
    assert entry["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}


def test_compose_in_the_first_folder_is_that_of_the_folder_docker():
    first = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert first == {"name": COMPOSE["name"], "include": ["docker/compose.yaml"]}


def test_neither_git_nor_the_image_takes_variables_or_secrets():
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout here")
    names = ["docker/platform.env", "docker/secrets/APCA_API_SECRET_KEY"]
    done = subprocess.run(
        ["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == names
    assert {"docker/platform.env", "docker/secrets"} <= set(
        (ROOT / ".dockerignore").read_text().split()
    )
    assert SERVICES["app"]["env_file"] == [{"path": "platform.env", "required": False}]
