"""The files of a folder of images and masks and what is wrong with them. Cheap: it opens none."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.paths import existing_path, path_problem
from studygrid.families.segmentation.data.folder.listing import (
    KINDS,
    SPLIT_FOLDERS,
    is_read,
    printable,
    visible,
)
from studygrid.families.segmentation.data.folder.options import ImageMaskFolderOptions
from studygrid.families.segmentation.data.folder.pairs import (
    Broken,
    File,
    Folders,
    Pair,
    gathered,
    likely_suffix,
    matched,
)
from studygrid.families.segmentation.data.folder.splits import Fractions, share_problems

# So many files are named one by one where no two are a pair; more share one message.
_FEW = 10


@dataclass
class Layout:
    """What a folder of images and masks holds.

    Attributes
    ----------
    pairs
        Images that have a mask, by split and name.
    broken
        Files that are in no pair, and why.
    files
        All images and masks.
    is_split
        Whether it has folders train, val and test.
    ignored_files, ignored_folders
        Number of files and names of folders that are not part of the data; hidden ones are not
        counted.
    problems
        What makes the folder unusable.
    """

    pairs: list[Pair] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    is_split: bool = False
    ignored_files: int = 0
    ignored_folders: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_layout(options: ImageMaskFolderOptions) -> Layout:
    """List a folder of images and masks.

    Raises
    ------
    DataError
        If it does not exist or cannot be listed.
    """
    root = existing_path(options.root, "folder")
    try:
        layout = _read(root, options)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be listed ({error.strerror})") from None
    if options.group is not None:
        _find_groups(layout, options.group)
    if not layout.problems and (options.allow_unreadable or not layout.broken):
        layout.problems += pair_problems(layout.pairs, layout.is_split, fractions_of(options))
    return layout


def fractions_of(options: ImageMaskFolderOptions) -> Fractions:
    """Return the shares that are held out of data that is not split, in the order of drawing."""
    return {"test": options.test_fraction, "validation": options.validation_fraction}


def pair_problems(pairs: list[Pair], is_split: bool, fractions: Fractions) -> list[str]:
    """Return what is wrong with the number of pairs, or of their groups, in each split."""
    if not is_split:
        return share_problems([pair.group for pair in pairs], fractions)
    count = Counter(pair.split for pair in pairs)
    problems = [f"the {split} split has no pairs" for split in SPLITS if not count[split]]
    splits_of: dict[str, set[Split | None]] = defaultdict(set)
    for pair in pairs:
        if pair.group is not None:
            splits_of[pair.group].add(pair.split)
    return problems + [
        f"group {group!r} is in {' and '.join(split for split in SPLITS if split in found)}; "
        "all its pairs should be in one of them"
        for group, found in sorted(splits_of.items())
        if len(found) > 1
    ]


def _read(root: Path, options: ImageMaskFolderOptions) -> Layout:
    folders, loose = visible(root)
    if not any(folder.name.lower() == "train" for folder in folders):
        return _read_flat(root, folders, loose, options)
    layout = Layout(is_split=True, ignored_files=len(loose))
    found: dict[Split, Path] = {}
    for folder in folders:
        split = SPLIT_FOLDERS.get(folder.name.lower())
        if split is None:
            _note_unused(layout, root, folder, options)
        elif split in found:
            layout.problems.append(
                f"{found[split]} and {folder} are both the {split} split; keep one of them"
            )
        else:
            found[split] = folder
    for split in SPLITS:
        if split in found:
            _read_pairs(layout, root, found[split], split, options)
    layout.problems += [
        f"{root} has a train folder and no {name} folder"
        for name, split in (("val", "validation"), ("test", "test"))
        if split not in found
    ]
    return layout


def _note_unused(layout: Layout, root: Path, folder: Path, options: ImageMaskFolderOptions) -> None:
    name = printable(folder.name)
    if name in (options.images, options.masks):
        layout.problems.append(
            f"{root} holds both {name} and train; keep split folders alone, or `{options.images}` "
            f"and `{options.masks}` alone"
        )
    layout.ignored_folders.append(name)


def _read_flat(
    root: Path, folders: list[Path], loose: list[Path], options: ImageMaskFolderOptions
) -> Layout:
    layout = Layout()
    named = {Path(options.images).parts[:1], Path(options.masks).parts[:1]}
    within = {root / part[0] for part in named if part}
    if "." not in (options.images, options.masks):
        layout.ignored_files = len(loose)
        layout.ignored_folders = [
            printable(folder.name) for folder in folders if folder not in within
        ]
        if within and not within.intersection(folders):
            held = ", ".join(printable(path.name) for path in [*folders, *loose][:5]) or "nothing"
            layout.problems.append(
                f"{root} holds neither {options.images} and {options.masks} nor train, val and "
                f"test folders of them; it holds {held}"
            )
            return layout
    _read_pairs(layout, root, root, None, options)
    return layout


def _read_pairs(
    layout: Layout, root: Path, folder: Path, split: Split | None, options: ImageMaskFolderOptions
) -> None:
    places = list(dict.fromkeys((folder / options.images, folder / options.masks)))
    problems = [problem for place in places if (problem := path_problem(place, "folder"))]
    if problems:
        layout.problems += problems
        return
    listed: list[list[Path]] = []
    for place in places:
        below, files = visible(place)
        listed.append(files)
        for part in below:
            # Taken silently, a folder that was meant to be read would be missing.
            if part not in places and any(is_read(path) for path in part.rglob("*")):
                layout.problems.append(
                    f"{part} holds images in a subfolder; they lie directly in `{options.images}` "
                    f"and `{options.masks}`, and split folders hold these two"
                )
    found = gathered(root, listed[0], listed[-1], options)
    layout.files += found.images + found.masks
    layout.ignored_files += len(found.foreign)
    pairs, broken = matched(found, split, options)
    nothing = _no_pair(places, found, pairs, options)
    if nothing:
        layout.problems.append(nothing)
    else:
        layout.pairs += pairs
        layout.broken += broken


def _no_pair(
    places: list[Path], found: Folders, pairs: list[Pair], options: ImageMaskFolderOptions
) -> str | None:
    if pairs:
        return None
    for files, place, what in (
        (found.images, places[0], "images"),
        (found.masks, places[-1], "masks"),
    ):
        if not files:
            return f"{place} holds no {what} ({KINDS})"
    likely = None if options.mask_suffix else likely_suffix(found.images, found.masks)
    if likely is None and len(found.images) + len(found.masks) <= _FEW:
        return None
    hint = (
        f"set `mask_suffix: {likely!r}`"
        if likely
        else "the two have one name, apart from `image_suffix` and `mask_suffix`"
    )
    return (
        f"no image has a mask of its name: the first of {len(found.images)} images is "
        f"{found.images[0].name}, the first of {len(found.masks)} masks is "
        f"{found.masks[0].name}; {hint}"
    )


def _find_groups(layout: Layout, pattern: str) -> None:
    grouped = []
    for pair in layout.pairs:
        match = re.search(pattern, pair.key)
        if match is None or not match[1]:
            layout.problems.append(f"{pair.image.name} does not match `group: {pattern!r}`")
        grouped.append(replace(pair, group=match[1] if match else None))
    layout.pairs = grouped
