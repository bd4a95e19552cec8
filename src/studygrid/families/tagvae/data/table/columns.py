"""What the columns of a table are, from its header and the options. Cheap to import."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from studygrid.families.tagvae.data.table.options import TagTableOptions

Problem = tuple[str, str]
_MOST_NAMED = 5


@dataclass(frozen=True)
class Columns:
    """Positions of the columns in the header.

    Attributes
    ----------
    tags
        Those that are a tag each; empty where `listed` is given.
    listed
        That of lists of tags.
    row_id, split
        That of a row's own name, and that of its split.
    """

    tags: tuple[int, ...]
    listed: int | None
    row_id: int | None
    split: int | None


def columns_of(header: Sequence[str], options: TagTableOptions) -> Columns:
    """Return the columns of a header in which `header_problems` finds nothing wrong."""
    place = {name: at for at, name in enumerate(header)}
    no_tags = {options.id_column, options.split_column, *options.leave_out}
    tags = (at for at, name in enumerate(header) if name not in no_tags)
    return Columns(
        tags=() if options.tags_column else tuple(tags),
        listed=place[options.tags_column] if options.tags_column else None,
        row_id=place[options.id_column] if options.id_column else None,
        split=place[options.split_column] if options.split_column else None,
    )


def header_problems(header: Sequence[str], options: TagTableOptions) -> list[Problem]:
    """Return what is wrong with a header, or with what the options say of it: key and message."""
    problems = [
        ("file", f"column {at} has no name") for at, name in enumerate(header, 1) if not name
    ]
    problems += [
        ("file", f"the column {name!r} comes {header.count(name)} times")
        for name in dict.fromkeys(header)
        if name and header.count(name) > 1
    ]
    asked = [(key, getattr(options, key)) for key in ("tags_column", "id_column", "split_column")]
    asked += [("leave_out", name) for name in options.leave_out]
    problems += [
        (key, f"there is no column {name!r}; {_known(name, header)}")
        for key, name in asked
        if name is not None and name not in header
    ]
    if not problems and not options.tags_column and not columns_of(header, options).tags:
        problems.append(("file", f"no column is left for tags; {_known('', header)}"))
    return problems


def _known(name: str, header: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, header, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    more = f" and {len(header) - _MOST_NAMED} more" if len(header) > _MOST_NAMED else ""
    return f"the file has {', '.join(map(repr, header[:_MOST_NAMED]))}{more}"
