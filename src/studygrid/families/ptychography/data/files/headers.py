"""What names, types and shapes of a file's arrays tell, before a value is read."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from studygrid.families.npz_archive import Header
from studygrid.families.ptychography.data.files.contract import (
    COLUMNS,
    KEYS,
    OBJECT,
    ORDER,
    PATCHES,
    PATTERNS,
    PROBE,
    RAW_PATTERNS,
    ROWS,
    RULES,
)
from studygrid.families.ptychography.data.scans import LEAST_PX
from studygrid.families.violations import Violation, violation

_AS_COUNTS = "they are counts, which are intensity: save np.sqrt of them, divided by one number"


def pattern_key(headers: Mapping[str, Header]) -> str:
    """Return the name under which a file holds its patterns."""
    return RAW_PATTERNS if PATTERNS not in headers and RAW_PATTERNS in headers else PATTERNS


def pattern_side(headers: Mapping[str, Header]) -> int | None:
    """Return the side of a file's patterns, px; None where they cannot be used."""
    key = pattern_key(headers)
    patterns = usable(headers).get(key)
    if patterns is None or _side_violations(key, patterns.shape, None):
        return None
    return patterns.shape[-1]


def usable(headers: Mapping[str, Header]) -> dict[str, Header]:
    """Return the arrays of the contract that have the right type and number of axes."""
    return {
        key: headers[key]
        for key in KEYS
        if key in headers and not _type_violations(key, headers[key])
    }


def header_violations(
    headers: Mapping[str, Header], side: int | None, needs_object: bool
) -> list[Violation]:
    """Return what is wrong with the names, types and shapes of a file's arrays.

    Parameters
    ----------
    side
        N, the resolution of the config in px; None: any.
    needs_object
        Whether the file must hold the object, as a test scan must.
    """
    found = _missing(headers, needs_object)
    if PATTERNS in headers and RAW_PATTERNS in headers:
        found.append(
            violation(
                RAW_PATTERNS, f"one of `{PATTERNS}` and `{RAW_PATTERNS}`", "both", "delete one"
            )
        )
    for key in KEYS:
        if key in headers:
            found += _type_violations(key, headers[key])
    good = usable(headers)
    key = pattern_key(headers)
    if key in good:
        found += _side_violations(key, good[key].shape, side)
    if pattern_side(headers) is None:
        good.pop(key, None)
    return found + _shape_violations(good, key)


def _missing(headers: Mapping[str, Header], needs_object: bool) -> list[Violation]:
    found = []
    required = [pattern_key(headers), PROBE, COLUMNS, ROWS, *([OBJECT] if needs_object else [])]
    others = [key for key in headers if key not in KEYS]
    for key in required:
        if key in headers:
            continue
        near = get_close_matches(key, others, n=1)
        held = ", ".join(headers) or "no array"
        remedy = f"rename `{near[0]}`" if near else f"save {RULES[key]} under that name"
        if key == OBJECT:
            remedy = "without it no object can be scored" + (
                f"; `{PATCHES}` are patches, and not the object" if PATCHES in headers else ""
            )
        found.append(violation(key, "an array", f"none (the file holds {held})", remedy))
    return found


def _type_violations(key: str, header: Header) -> list[Violation]:
    rule, kind = RULES[key], header.dtype.str[1:]
    if header.is_pickled:
        remedy = "numpy.savez pickles None and lists of different lengths: leave the array out"
        return [violation(key, str(rule), f"pickled Python objects {header.shape}", remedy)]
    remedy = rule.remedy
    if kind not in rule.converted:
        if key in (PATTERNS, RAW_PATTERNS) and header.dtype.kind in "iu":
            remedy = _AS_COUNTS
        elif key == OBJECT and header.dtype.kind == "f":
            remedy = "it is real; save amplitude * np.exp(1j * phase)"
        return [violation(key, str(rule), str(header), remedy)]
    if len(header.shape) != rule.rank:
        if 1 in header.shape and len(header.shape) > rule.rank:
            remedy = "save it without its axes of length 1, np.squeeze"
        return [violation(key, str(rule), str(header), remedy)]
    if 0 in header.shape:
        return [violation(key, str(rule), str(header), "it is empty")]
    return []


def _side_violations(key: str, shape: tuple[int, ...], side: int | None) -> list[Violation]:
    count, height, width = shape
    if height != width and count == height:
        remedy = "the patterns are last: np.moveaxis(patterns, -1, 0)"
        return [violation(key, "(n, N, N)", str(shape), remedy)]
    if height != width or height % 2 or height < LEAST_PX:
        remedy = "crop or bin the patterns around their centre, and the probe and object with them"
        return [
            violation(
                key,
                f"square patterns of an even side N >= {LEAST_PX}",
                f"{height} x {width} px",
                remedy,
            )
        ]
    if side is not None and height != side:
        remedy = (
            f"set grid.resolution to [{height}]: patterns are never resampled, as that changes the "
            "size of the object's px"
        )
        return [
            violation(
                key,
                f"{side} x {side} px, the config's resolution",
                f"{height} x {width} px",
                remedy,
            )
        ]
    return []


def _shape_violations(good: Mapping[str, Header], patterns: str) -> list[Violation]:
    """Compare lengths and sides with those of the patterns; without these, of the positions."""
    found: list[Violation] = []
    count_of = next((key for key in (patterns, COLUMNS, ROWS) if key in good), None)
    if count_of is None:
        return found
    count = good[count_of].shape[0]
    for key in (COLUMNS, ROWS, ORDER, PATCHES):
        if key in good and good[key].shape[0] != count:
            remedy = "each pattern needs one of each"
            expected = f"{count} values, as many as `{count_of}`"
            found.append(violation(key, expected, str(good[key].shape[0]), remedy))
    if patterns in good:
        frame = good[patterns].shape[1:]
        for key in (PROBE, PATCHES):
            if key in good and good[key].shape[-2:] != frame:
                expected = f"{' x '.join(map(str, frame))} px, as the patterns"
                remedy = "cut or pad it; its px are those of the object"
                shown = " x ".join(map(str, good[key].shape[-2:]))
                found.append(violation(key, expected, f"{shown} px", remedy))
    return found
