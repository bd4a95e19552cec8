"""What a file system does with locks, by its kind and how it is mounted."""

from __future__ import annotations

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")
# BeeGFS, GlusterFS and what runs in user space may keep flocks within a host, by their options.
_DOUBTFUL = re.compile(r"beegfs|glusterfs|fuse.*|9p|cifs|smb\d?|afs")


def locks_reach_all_hosts(path: Path) -> bool:
    """Tell whether a flock on a file is seen by the processes of every host that has it mounted.

    A disk of one host counts: nobody else has it. Where it cannot be known, it is not so.
    """
    kind, options = _mount_of(path)
    if kind.startswith("nfs"):
        return not options & {"local_lock=flock", "local_lock=all", "nolock"}
    if kind == "lustre":
        return "localflock" not in options
    return not _DOUBTFUL.fullmatch(kind)


def _mount_of(path: Path) -> tuple[str, set[str]]:
    """Return the kind and the options of the file system that a path lies on."""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return "", set()
    place = path.resolve()
    found: tuple[str, set[str]] = "", set()
    longest = -1
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, (kind, *rest) = before.split(" "), after.split(" ")
        point = Path(_ESCAPED.sub(_letter, fields[4]))
        # Of two on one place the later one covers the other.
        if place.is_relative_to(point) and len(point.parts) >= longest:
            longest = len(point.parts)
            found = kind, {*fields[5].split(","), *(rest[-1] if rest else "").split(",")}
    return found


def _letter(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))
