"""Becomes the inside of a container and runs one command there; started by `engine.py` as root.

It has namespaces of its own already. It builds a root folder that is read-only except for the
volumes and the temporary folders, and runs the command in it as an ordinary user without
capabilities, under a process that forwards signals and reaps, as `init: true` does.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ADDRESS = "172.30.0.2"
"""Of the container in its own network, where published ports arrive."""
NO_NEW_PRIVILEGES = 38


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def bind(source, target, *, read_only):
    if Path(source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--rbind", source, target)
    if read_only:
        mount("-o", "remount,bind,ro", target)


def build_root(root, spec):
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", root)
    for name in ("usr", "bin", "sbin", "lib", "lib64", "etc", "dev", "proc"):
        path = Path("/", name)
        if path.is_symlink():
            (root / name).symlink_to(path.readlink())
        elif path.exists():
            bind(path, root / name, read_only=name in ("usr", "etc"))
    for source, target in spec["code"]:
        bind(source, root / target.lstrip("/"), read_only=True)
    for folder in spec["folders"]:
        (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    mount("--bind", spec["passwd"], root / "etc/passwd")
    for source, target, read_only in spec["volumes"]:
        bind(source, root / target.lstrip("/"), read_only=read_only)
    for folder in spec["tmpfs"]:
        (root / folder.lstrip("/")).mkdir(exist_ok=True)
        options = "mode=1777,noexec,nosuid,nodev"
        mount("-t", "tmpfs", "-o", options, "tmpfs", root / folder.lstrip("/"))
    mount("-o", "remount,bind,ro", root)


def become(root, spec):
    os.chroot(root)
    os.chdir(spec["cwd"])
    os.setgroups([])
    os.setresgid(spec["uid"], spec["uid"], spec["uid"])
    # From root to another user: the kernel takes all capabilities away.
    os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    if ctypes.CDLL(None, use_errno=True).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def main(spec):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "addr", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    root = Path(spec["root"])
    build_root(root, spec)
    child = os.fork()
    if child == 0:
        become(root, spec)
        os.umask(0o022)
        os.execvpe(spec["command"][0], spec["command"], spec["environment"])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: os.kill(child, got))
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status) & 0xFF


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text())))
