"""The forward record in a restore: links are not lost to an older archive, nor forked silently."""

from __future__ import annotations

import shutil
from pathlib import Path

from options_platform.adapters.storage.backups.archive import PRIVATE_FILE
from options_platform.domain.forward.links import FILE_NAME
from options_platform.domain.forward.verification import read_chain


def keep_longer(staged: Path, home: Path, *, whole: bool) -> str | None:
    """Put the home's forward record among the restored files in `staged`, if it continues theirs.

    A record is only ever lengthened, so one that begins with the bytes of the other is the later of
    the two, if it verifies; the home's is kept as well if only it verifies. With `whole` it is kept
    also if the archive has none; otherwise it is not touched then. Returns what a person should
    know, None if both are the same.
    """
    present, restored = home / FILE_NAME, staged / FILE_NAME
    if not present.is_file() or not (whole or restored.is_file()):
        return None
    ours = present.read_bytes()
    theirs = restored.read_bytes() if restored.is_file() else b""
    if ours == theirs:
        return None
    if (fault := read_chain(ours).fault) is not None:
        return (
            "The forward record is that of the archive, if it has one; the home's did not verify "
            f"({fault.text}) and lies with the former files"
        )
    fault = read_chain(theirs).fault
    if fault is not None or ours.startswith(theirs):
        shutil.copyfile(present, restored)
        restored.chmod(PRIVATE_FILE)
        more = ours.count(b"\n") - theirs.count(b"\n")
        why = f"it has {more} links more than the archive's"
        if fault is not None:
            why = f"the archive's does not verify ({fault.text})"
        return f"The forward record was kept as it is: {why}"
    if theirs.startswith(ours):
        return "The forward record is that of the archive, which continues the home's"
    return (
        "The forward record is that of the archive. THE HOME'S DIFFERED, neither continues the "
        "other, and it lies with the former files; a head that has left the machine shows which "
        "one is right: options-platform record --verify --head HASH"
    )
