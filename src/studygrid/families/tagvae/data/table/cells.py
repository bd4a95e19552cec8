"""What a table's cells may hold: tags, lists of tags, names of rows, splits."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from studygrid.families.base import SPLITS
from studygrid.families.tagvae.data.table.violations import Violations, shown

TRUE = frozenset({"1", "1.0", "true", "True", "TRUE"})
TEXTS = TRUE | {"0", "0.0", "false", "False", "FALSE"}
NOT_BINARY = "should be 0 or 1"
SPLIT_WORDS = {split: at for at, split in enumerate(SPLITS)} | {"val": SPLITS.index("validation")}
# What str() makes of a Python or a JSON list of texts.
_WRITTEN_LIST = re.compile(r"\[\s*['\"]")


def listed_tags(value: object, separator: str) -> list[str] | str:
    """Return the tags of a cell with a list, or what is wrong with it.

    A list is a text with separators, or a list, tuple or array of texts. Blanks about a tag do
    not count, and neither does a tag that is empty.
    """
    if isinstance(value, str):
        if _WRITTEN_LIST.match(value):
            return f"{shown(value)} is a list as Python writes it; write a{separator}b"
        found: Iterable[object] = value.split(separator)
    elif isinstance(value, Collection) and not isinstance(value, bytes | dict):
        found = value
    else:
        return f"{shown(value)} should be a list of tags; an empty one where there are none"
    tags = []
    for tag in found:
        if not isinstance(tag, str):
            return f"{shown(tag)} in a list of tags should be text"
        if tag.strip():
            tags.append(tag.strip())
    return tags


class RowIds:
    """The names of a table's rows, no two of them alike."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def check(self, value: object, where: str, violations: Violations) -> str:
        """Return the place of a row with its name; note a name that is missing or taken."""
        name = "" if value is None else str(value).strip()
        if not name:
            violations.add(where, "has no id")
            return where
        first = self._first.setdefault(name, where)
        if first != where:
            violations.add(where, f"has the id {shown(name)} of {first}")
        return f"{where} ({name})"


def split_number(value: object, where: str, violations: Violations) -> int:
    """Return the place in `SPLITS` of the split that a cell names; note one that is none."""
    word = value.strip() if isinstance(value, str) else value
    number = SPLIT_WORDS.get(word) if isinstance(word, str) else None
    if number is None:
        violations.add(where, f"{shown(value)} should be train, validation or test")
        return 0
    return number
