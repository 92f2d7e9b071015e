"""Runs the services of the compose file without a container engine.

Only what that file uses is understood. User, environment, working directory, volumes, command and
health check come from it and from the Dockerfile. The code is this checkout at `/app` and this
Python's environment at `/opt/venv`.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
UNSHARE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
INSIDE = Path(__file__).with_name("inside.py")
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def can_contain():
    """Whether this user may make namespaces, and so containers."""
    return os.geteuid() == 0 and subprocess.run([*UNSHARE, "true"], check=False).returncode == 0


def dockerfile(text):
    """The last stage of a Dockerfile: its variables, user, working directory and entrypoint."""
    lines = text.replace("\\\n", " ").splitlines()
    last = max(at for at, line in enumerate(lines) if line.startswith("FROM "))
    found = {"ENV": {}}
    for line in lines[last:]:
        name, _, rest = line.partition(" ")
        if name == "ENV":
            found["ENV"] |= dict(part.split("=", 1) for part in shlex.split(rest))
        elif name in ("USER", "WORKDIR", "RUN"):
            found[name] = rest if name != "RUN" else f"{found.get('RUN', '')} && {rest}"
        elif name in ("ENTRYPOINT", "CMD", "VOLUME"):
            found[name] = json.loads(rest)
    found["ENV"]["PATH"] = found["ENV"]["PATH"].replace("$PATH", "/usr/local/bin:/usr/bin:/bin")
    return found


@dataclass
class Container:
    """A running service."""

    process: subprocess.Popen
    spec: dict
    log: Path

    @property
    def pid(self):
        """That of its first process, outside."""
        at = self.process.pid
        return int(Path(f"/proc/{at}/task/{at}/children").read_text().split()[0])

    def exec(self, *command):
        """Run a command in it, as `docker exec` and health checks do."""
        child = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0]
        uid = str(self.spec["uid"])
        enter = ["nsenter", "-t", child, "-m", "-n", "-p", f"--root=/proc/{child}/root"]
        words = [*enter, "-S", uid, "-G", uid, "env", "-i"]
        words += [f"{name}={value}" for name, value in self.spec["environment"].items()]
        words += ["sh", "-c", f'cd {self.spec["cwd"]} && exec "$@"', "sh", *command]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=180)

    def healthy(self, test, seconds=150):
        """Repeat a health check until it succeeds; what it printed last, with its success."""
        until = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, self.log.read_text()
            try:
                done = self.exec(*test[1:])
            except (OSError, IndexError, subprocess.TimeoutExpired):
                done = None
            if done is not None and done.returncode == 0:
                return done.stdout
            assert time.monotonic() < until, f"{done}\n{self.log.read_text()}"
            time.sleep(1)

    def end(self, number=signal.SIGKILL):
        """A signal to the first process: SIGKILL ends everything, SIGTERM is forwarded."""
        os.kill(self.pid, number)
        return self.process.wait(timeout=60)


class Engine:
    """Containers of the compose file, with their volumes in a folder."""

    def __init__(self, folder, **variables):
        text = (DOCKER / "compose.yaml").read_text()
        self.compose = yaml.safe_load(VARIABLE.sub(lambda m: variables.get(m[1], m[2]), text))
        self.image = dockerfile((DOCKER / "Dockerfile").read_text())
        self.uid = int(self.image["USER"])
        self.folder = folder
        folder.chmod(0o755)
        (folder / "passwd").write_text(
            f"root:x:0:0::/:/bin/sh\nplatform:x:{self.uid}:{self.uid}::{self.user_home}:/bin/sh\n"
        )
        (folder / "root").mkdir()
        for name in self.compose["volumes"]:
            self.volume(name).mkdir(mode=0o700)
            os.chown(self.volume(name), self.uid, self.uid)
        self.running = []

    def volume(self, name):
        return self.folder / f"volume-{name}"

    @property
    def user_home(self):
        return str(Path(self.image["ENV"]["OPTIONS_HOME"]).parent)

    def folders(self):
        """The folders that the Dockerfile makes."""
        made = re.findall(r"install -d ([^&]*)", self.image["RUN"])
        return [word for words in made for word in words.split() if word.startswith("/")]

    def spec(self, service, arguments=None):
        entry = self.compose["services"][service]
        command = entry["command"] if arguments is None else list(arguments)
        words = [word.replace("$$", "$") for word in entry.get("entrypoint", [])]
        volumes = []
        for volume in entry["volumes"]:
            source, target, *options = volume.split(":")
            named = source in self.compose["volumes"]
            source = self.volume(source) if named else (DOCKER / source).resolve()
            volumes.append((str(source), target, options == ["ro"]))
        venv = str(Path(sys.prefix).resolve())
        prefixes = dict.fromkeys((sys.base_prefix, str(ROOT), venv))
        return {
            "uid": self.uid,
            "root": str(self.folder / "root"),
            "passwd": str(self.folder / "passwd"),
            "cwd": self.image["WORKDIR"],
            # The environment's scripts name its true place.
            "code": [(path, path) for path in prefixes]
            + [(str(ROOT), "/app"), (venv, "/opt/venv")],
            "folders": self.folders(),
            "volumes": volumes,
            "tmpfs": entry["tmpfs"],
            "command": [*(words or self.image["ENTRYPOINT"]), *command],
            # The environment's path file names the checkout that it was installed from.
            "environment": {"HOME": self.user_home, "PYTHONPATH": "/app"}
            | self.image["ENV"]
            | entry["environment"],
        }

    def start(self, service, arguments=None):
        spec = self.spec(service, arguments)
        name = f"{service}-{len(self.running)}"
        file, log = self.folder / f"{name}.json", self.folder / f"{name}.log"
        file.write_text(json.dumps(spec))
        with log.open("w") as out:
            process = subprocess.Popen(
                [*UNSHARE, sys.executable, str(INSIDE), str(file)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        container = Container(process, spec, log)
        self.running.append(container)
        return container

    def run(self, service, *arguments):
        """`docker compose run --rm SERVICE ARGUMENTS`: the exit code and what it printed."""
        container = self.start(service, arguments or None)
        code = container.process.wait(timeout=600)
        return code, container.log.read_text()

    def close(self):
        for container in self.running:
            if container.process.poll() is None:
                container.process.kill()
                container.process.wait()
