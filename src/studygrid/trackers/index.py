"""What has been exported to a folder: so that nothing is exported twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

FILE = "studygrid_exports.jsonl"


class Entry(BaseModel):
    """A run that was exported; `place` is None while it is being written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    identity: str
    place: str | None


@dataclass
class ExportIndex:
    """The runs below a folder of exports.

    Its file grows by a line before and after each run is written, of which the last counts: so
    an export that was cut off is known, and begun anew.
    """

    output: Path

    def __post_init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        try:
            lines = (self.output / FILE).read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                entry = Entry.model_validate_json(line)
            except ValidationError:  # cut off by a crash
                continue
            self._entries[entry.id] = entry

    def find(self, run: str) -> Entry | None:
        """Return what is known of a run."""
        return self._entries.get(run)

    def holds(self, run: str, identity: str) -> bool:
        """Tell whether a run was exported as it is now, and what was written is still there."""
        entry = self._entries.get(run)
        if entry is None or entry.identity != identity or entry.place is None:
            return False
        return (self.output / entry.place).exists()

    def note(self, entry: Entry) -> None:
        """Append what is known of a run now."""
        self._entries[entry.id] = entry
        self.output.mkdir(parents=True, exist_ok=True)
        with (self.output / FILE).open("ab") as file:
            # On a line of its own, whatever a crash has left.
            start = b"\n" if _cut(self.output / FILE) else b""
            file.write(start + entry.model_dump_json().encode() + b"\n")


def _cut(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size == 0:
            return False
        file.seek(size - 1)
        return file.read(1) != b"\n"
