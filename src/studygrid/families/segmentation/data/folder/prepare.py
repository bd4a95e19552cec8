"""The user's own images and masks, checked pair by pair, split and resized."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.duplicates import Duplicates, find_duplicates
from studygrid.families.images.resize import is_enlarged
from studygrid.families.prepared import PreparedParts
from studygrid.families.segmentation.data.folder.layout import (
    Layout,
    fractions_of,
    pair_problems,
    read_layout,
)
from studygrid.families.segmentation.data.folder.listing import JPEG
from studygrid.families.segmentation.data.folder.masks import Agreement, agreement
from studygrid.families.segmentation.data.folder.options import ImageMaskFolderOptions
from studygrid.families.segmentation.data.folder.pairs import Broken, Pair
from studygrid.families.segmentation.data.folder.splits import draw_groups, draw_pairs
from studygrid.families.segmentation.data.folder.writing import (
    Contents,
    Written,
    rescale,
    write_pairs,
)
from studygrid.families.segmentation.data.parts import describe_parts

Splits = dict[Split, NDArray[np.int64]]


def prepare(
    options: ImageMaskFolderOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write a folder's images and masks, resized to `resolution` px, into another.

    Pairs are read in `workers` threads.

    Raises
    ------
    DataError
        If the folder cannot be used (see `layout.read_layout`); if pairs cannot be used and the
        options do not allow that, all of them with their files; if a split has no foreground.
    """
    layout = read_layout(options)
    _refuse(options, layout.problems)
    with _nothing_left_behind(folder):
        done = _write_usable(options, layout, resolution, folder, workers)
        splits = _splits(options, layout, done)
        _require_foreground(options, resolution, splits, done)
        # No value of a held-out image decides what the others become.
        spans = done.contents.spans_of(splits["train"].tolist())
        done.contents = rescale(folder, done.pairs, done.contents, spans, options.fit, workers)
        found = find_duplicates(
            [pair.digest for pair in done.written],
            _numbered([pair.mask_digest for pair in done.written]),
            splits,
            [pair.image.name for pair in done.pairs],
        )
        return describe_parts(
            folder,
            splits,
            _class_names(options, done.agreed.classes),
            _facts(options, layout, done, splits, resolution, found),
            found.across_splits,
        )


class _Done:
    """Pairs that are written, and files that were left out."""

    def __init__(
        self, pairs: list[Pair], contents: Contents, agreed: Agreement, left_out: list[Broken]
    ) -> None:
        self.pairs, self.contents, self.agreed, self.left_out = pairs, contents, agreed, left_out
        self.written = cast(list[Written], contents.pairs)


@contextlib.contextmanager
def _nothing_left_behind(folder: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        for name in ("images.npy", "masks.npy"):
            (folder / name).unlink(missing_ok=True)
        raise


def _write_usable(
    options: ImageMaskFolderOptions, layout: Layout, side: int, folder: Path, workers: int
) -> _Done:
    pairs, left_out = layout.pairs, list(layout.broken)
    declared = len(options.classes) if options.classes else None
    while pairs:
        contents = write_pairs(folder, pairs, side, options.fit, options.color, workers)
        agreed = _agreed(contents, declared)
        broken = {at: list(found) for at, found in contents.broken.items()}
        for at, reason in agreed.problems.items():
            broken.setdefault(at, []).append(Broken(pairs[at].mask.name, reason))
        left_out += [one for at in sorted(broken) for one in broken[at]]
        _refuse_broken(options, left_out)
        if not broken:
            return _Done(pairs, contents, agreed, left_out)
        # As if the files were not there: all others are read again without them.
        pairs = [pair for at, pair in enumerate(pairs) if at not in broken]
        too_few = pair_problems(pairs, layout.is_split, fractions_of(options))
        if too_few:
            too_few.append(f"left out were:\n{_lines(left_out)}")
        _refuse(options, too_few)
    _refuse_broken(options, left_out)
    raise DataError(f"image and mask folder {options.root}: no pair can be used")


def _agreed(contents: Contents, declared: int | None) -> Agreement:
    known = [(at, pair) for at, pair in enumerate(contents.pairs) if pair is not None]
    agreed = agreement([(pair.coding, pair.values) for _, pair in known], declared)
    problems = {known[position][0]: reason for position, reason in agreed.problems.items()}
    return Agreement(agreed.classes, agreed.values, problems)


def _refuse(options: ImageMaskFolderOptions, problems: Sequence[str]) -> None:
    if problems:
        raise DataError("; ".join([f"image and mask folder {options.root}", *problems]))


def _refuse_broken(options: ImageMaskFolderOptions, broken: Sequence[Broken]) -> None:
    if broken and not options.allow_unreadable:
        files = "1 file" if len(broken) == 1 else f"{len(broken)} files"
        raise DataError(
            f"image and mask folder {options.root}: {files} cannot be used; repair or remove "
            "them, or set `allow_unreadable: true` to leave their pairs out:\n" + _lines(broken)
        )


def _lines(broken: Sequence[Broken]) -> str:
    return "\n".join(f"  {name}: {reason}" for name, reason in broken)


def _splits(options: ImageMaskFolderOptions, layout: Layout, done: _Done) -> Splits:
    fractions = fractions_of(options)
    groups = [pair.group for pair in done.pairs if pair.group is not None]
    if layout.is_split:
        drawn: dict[Split, list[int]] = {
            split: [at for at, pair in enumerate(done.pairs) if pair.split == split]
            for split in SPLITS
        }
    elif groups:
        drawn = draw_groups(groups, fractions, options.split_seed)
    else:
        drawn = draw_pairs(
            [pair.foreground for pair in done.written],
            [pair.digest for pair in done.written],
            fractions,
            options.split_seed,
        )
    return {split: np.array(drawn[split], np.int64) for split in SPLITS}


def _require_foreground(
    options: ImageMaskFolderOptions, side: int, splits: Splits, done: _Done
) -> None:
    """Refuse a split whose scores would have no value."""
    problems = []
    for split, indices in splits.items():
        pairs = [done.written[at] for at in indices.tolist()]
        if any(pair.foreground_left for pair in pairs):
            continue
        full = sum(pair.foreground for pair in pairs)
        problems.append(
            f"of {full} masks of the {split} split with foreground none has any left at {side} "
            "px; choose a larger resolution, or another `fit`"
            if full
            else f"no mask of the {split} split has foreground; add some, or change the split"
        )
    _refuse(options, problems)


def _class_names(options: ImageMaskFolderOptions, count: int) -> list[str]:
    if options.classes:
        return options.classes
    if count <= 2:
        return ["background", "foreground"]
    return ["background", *(f"class {number}" for number in range(1, count))]


def _numbered(texts: Sequence[str]) -> NDArray[np.int64]:
    number = {text: at for at, text in enumerate(dict.fromkeys(texts))}
    return np.array([number[text] for text in texts], np.int64)


def _facts(
    options: ImageMaskFolderOptions,
    layout: Layout,
    done: _Done,
    splits: Splits,
    side: int,
    found: Duplicates,
) -> dict[str, Any]:
    pairs, left_out = done.written, done.left_out
    enlarged = sum(is_enlarged(pair.height, pair.width, side, options.fit) for pair in pairs)
    return {
        "split": _split_text(options, layout),
        "groups": _groups_by_split(done.pairs, splits),
        "fit": options.fit,
        "mask_values": done.agreed.values,
        "mask_resizing": "the class that covers most of a pixel, foreground from one half on; "
        "the nearest pixel where it is enlarged",
        **_lost(pairs, side),
        **_clipped(done.contents),
        "names": [pair.image.name for pair in done.pairs],
        "native_height_px": _range([pair.height for pair in pairs]),
        "native_width_px": _range([pair.width for pair in pairs]),
        "upsampled": enlarged > 0,
        "upsampled_count": enlarged,
        "jpeg_masks": sum(pair.mask.path.suffix.lower() in JPEG for pair in done.pairs),
        "left_out": [f"{name}: {reason}" for name, reason in left_out],
        "ignored_files": layout.ignored_files,
        "ignored_folders": layout.ignored_folders,
        "scaled_to_8_bits": {
            kind: list(span) for kind, span in sorted(done.contents.spans.items())
        },
        "duplicate_groups": found.groups,
        "duplicate_groups_with_mixed_masks": found.mixed_label_groups,
        "duplicate_groups_across_splits": found.across_split_groups,
        "duplicate_samples_across_splits": found.across_split_samples,
    }


def _lost(pairs: Sequence[Written], side: int) -> dict[str, Any]:
    """Return what resizing took from the masks, and a warning in words where it took all."""
    full = sum(pair.foreground for pair in pairs)
    cropped = sum(pair.foreground and not pair.foreground_in_square for pair in pairs)
    emptied = sum(pair.foreground_in_square and not pair.foreground_left for pair in pairs)
    turned = sum(pair.turned for pair in pairs)
    facts: dict[str, Any] = {
        "emptied_by_cropping": cropped,
        "emptied_by_resizing": emptied,
        "images_turned_by_exif": turned,
    }
    if emptied:
        facts["warning_resizing"] = (
            f"at {side} px {emptied} of {full} masks with foreground have none left: what they "
            "show is thinner than half a pixel, and counts as absent"
        )
    if cropped:
        facts["warning_cropping"] = (
            f"{cropped} of {full} masks with foreground have none within the central square; "
            "`fit: pad` keeps the whole image"
        )
    if turned:
        facts["warning_orientation"] = (
            f"{turned} images are turned as their EXIF orientation says, and their masks say "
            "nothing of one: they are right only if they were drawn on upright images"
        )
    return facts


def _clipped(contents: Contents) -> dict[str, Any]:
    """Return how many held-out images hold values that no training image has, and a warning."""
    spans = contents.spans
    clipped = sum(
        one.extremes[0] < spans[one.kind][0] or one.extremes[1] > spans[one.kind][1]
        for one in contents.deep.values()
    )
    facts: dict[str, Any] = {"images_clipped": clipped}
    if clipped:
        facts["warning_clipping"] = (
            f"{clipped} validation or test images hold values beyond the range that the training "
            "split makes 0 to 255 of; these are clipped"
        )
    return facts


def _split_text(options: ImageMaskFolderOptions, layout: Layout) -> str:
    if layout.is_split:
        return "folders train, val and test"
    what = "of the pairs with foreground, and of those without,"
    if options.group is not None:
        what = f"of all pairs, in whole groups of one {options.group!r} in their name,"
    return (
        f"about {options.test_fraction:g} {what} is for test and "
        f"{options.validation_fraction:g} for validation (seed {options.split_seed})"
    )


def _groups_by_split(pairs: Sequence[Pair], splits: Splits) -> dict[str, int] | None:
    if all(pair.group is None for pair in pairs):
        return None
    found = {split: {pairs[at].group for at in at_all.tolist()} for split, at_all in splits.items()}
    return {split: len(groups) for split, groups in found.items()}


def _range(lengths: Sequence[int]) -> int | list[int]:
    low, high = min(lengths), max(lengths)
    return low if low == high else [low, high]
