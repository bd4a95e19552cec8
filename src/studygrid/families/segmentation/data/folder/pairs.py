"""Which image and which mask belong together, from their names. Cheap: it opens no file."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from studygrid.families.base import Split
from studygrid.families.segmentation.data.folder.listing import KINDS, is_read, printable
from studygrid.families.segmentation.data.folder.options import ImageMaskFolderOptions

# Names are compared with all others to find the nearest: not for thousands of files.
_MOST_HINTS = 50


class File(NamedTuple):
    """A file and its name within the root, as text that any encoding takes."""

    path: Path
    name: str


class Broken(NamedTuple):
    """A file that cannot be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Pair:
    """An image and its mask.

    Attributes
    ----------
    key
        What their names have in common.
    split, group
        None where the folders, or the options, give none.
    """

    key: str
    image: File
    mask: File
    split: Split | None = None
    group: str | None = None


@dataclass
class Folders:
    """The files of a folder of images and of its folder of masks.

    Attributes
    ----------
    images, masks
        What can be an image or a mask, sorted by name.
    foreign
        Other files.
    """

    images: list[File] = field(default_factory=list)
    masks: list[File] = field(default_factory=list)
    foreign: list[File] = field(default_factory=list)


def gathered(
    root: Path, images: Sequence[Path], masks: Sequence[Path], options: ImageMaskFolderOptions
) -> Folders:
    """Return the files of two folders, which may be the same one."""
    found = Folders()
    together = options.images == options.masks
    for path in images:
        is_mask = together and path.stem.endswith(options.mask_suffix)
        _add(found, found.masks if is_mask else found.images, root, path)
    for path in () if together else masks:
        _add(found, found.masks, root, path)
    return found


def _add(found: Folders, kind: list[File], root: Path, path: Path) -> None:
    file = File(path, printable(path.relative_to(root)))
    (kind if is_read(path) else found.foreign).append(file)


def matched(
    folders: Folders, split: Split | None, options: ImageMaskFolderOptions
) -> tuple[list[Pair], list[Broken]]:
    """Pair images with masks; return the pairs, by name, and all files that are in none."""
    broken: list[Broken] = []
    images = _by_key(folders.images, "image", options.image_suffix, broken)
    masks = _by_key(folders.masks, "mask", options.mask_suffix, broken)
    pairs = []
    for key in sorted({*images, *masks}):
        copies = [files for files in (images.get(key, []), masks.get(key, [])) if len(files) > 1]
        for first, *others in copies:
            names = " and ".join(file.name for file in others)
            broken.append(Broken(first.name, f"has the same name as {names}; keep one of them"))
        if not copies and key in images and key in masks:
            pairs.append(Pair(key, images[key][0], masks[key][0], split))
    broken += _alone(images, masks, "mask", options.mask_suffix, folders.foreign)
    broken += _alone(masks, images, "image", options.image_suffix, folders.foreign)
    return pairs, broken


def likely_suffix(images: Sequence[File], masks: Sequence[File]) -> str | None:
    """Return what most masks' names have at their end beside an image's, if anything."""
    stems = {file.path.stem for file in images}
    ends = Counter(
        stem[length:]
        for stem in (file.path.stem for file in masks)
        for length in range(len(stem) - 1, 0, -1)
        if stem[:length] in stems
    )
    common = ends.most_common(1)
    return common[0][0] if common and 2 * common[0][1] > len(masks) else None


def _by_key(
    files: Sequence[File], role: str, suffix: str, broken: list[Broken]
) -> dict[str, list[File]]:
    found: dict[str, list[File]] = defaultdict(list)
    for file in files:
        stem = printable(file.path.stem)
        if stem.endswith(suffix) and stem != suffix:
            found[stem.removesuffix(suffix)].append(file)
        else:
            broken.append(Broken(file.name, f"does not end in {suffix!r} as the {role}s do"))
    return dict(found)


def _alone(
    files: dict[str, list[File]],
    others: dict[str, list[File]],
    missing: str,
    suffix: str,
    foreign: Sequence[File],
) -> Iterator[Broken]:
    lonely = [key for key in sorted(files) if key not in others]
    free = {key: found[0].name for key, found in others.items() if key not in files}
    unread = {printable(file.path.stem): file.name for file in foreign}
    for key in lonely:
        wanted = f"{key}{suffix}"
        reason = f"has no {missing} called {wanted} ({KINDS})"
        if wanted in unread:
            reason += f"; {unread[wanted]} is of another kind"
        elif len(lonely) <= _MOST_HINTS:
            near = difflib.get_close_matches(key, free, n=1)
            reason += f"; did you mean {free[near[0]]}?" if near else ""
        yield Broken(files[key][0].name, reason)
