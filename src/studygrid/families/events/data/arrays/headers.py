"""What names, types and shapes of a file's arrays tell, before a value is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from studygrid.families.events.data.arrays.files import ArraysFile
from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.npz_archive import Header
from studygrid.families.violations import Violation, violation

_MOST_TOKENS = 1 << 14
_MOST_EVENTS = 1 << 30

_NUMBERS = "biuf"
_SQUEEZE = "save it without its axes of length 1, np.squeeze"


def global_arrays(options: TokenArraysOptions) -> list[str]:
    """Return the names of the arrays that hold globals."""
    given = options.arrays.globals
    return [given] if isinstance(given, str) else list(given or [])


def wanted_arrays(options: TokenArraysOptions, key: str) -> list[str]:
    """Return the names of the arrays that a file must hold.

    Parameters
    ----------
    key
        The config key that names the file.
    """
    arrays = options.arrays
    named = [
        arrays.tokens,
        None if options.mask_from_zeros else arrays.mask,
        arrays.classes,
        *global_arrays(options),
        arrays.labels if key == "file" else None,
        arrays.axis,
        arrays.split,
    ]
    return [name for name in named if name is not None]


def header_violations(
    file: ArraysFile, options: TokenArraysOptions, key: str, resolution: int | None
) -> list[Violation]:
    """Return what is wrong with the names, types and shapes of a file's arrays.

    Parameters
    ----------
    key
        The config key that names the file.
    resolution
        R, the tokens that are asked for; None: any.
    """
    headers: dict[str, Header] = {}
    found: list[Violation] = []
    for name in wanted_arrays(options, key):
        header = file.header(name)
        if header is None:
            found.append(_missing(name, file.names, options))
        else:
            headers[name] = header
    arrays = options.arrays
    if options.mask_from_zeros and file.header(arrays.mask) is not None:
        remedy = "set dataset.mask_from_zeros to false, or delete the array"
        found.append(violation(arrays.mask, "no mask beside mask_from_zeros", "one", remedy))
    if arrays.tokens not in headers:
        return found
    wrong = _token_violations(headers[arrays.tokens], options, resolution)
    if wrong:
        return found + wrong
    return found + _other_violations(headers, options)


def _missing(name: str, held: Sequence[str], options: TokenArraysOptions) -> Violation:
    arrays = options.arrays
    near = get_close_matches(name, held, n=1)
    remedies = {
        arrays.mask: "save which tokens are there, or set dataset.mask_from_zeros: true if those "
        "whose columns are all 0 are none",
        arrays.labels: "save 0 for background and 1, 2, ... for signals, or name files in "
        "dataset.background and dataset.signals",
    }
    for each in global_arrays(options):
        remedies[each] = (
            "save one number an event at least, name the array in dataset.arrays.globals, or set "
            "that to null and dataset.globals_from_tokens to true"
        )
    remedy = remedies.get(name, "save it, or name the right array in dataset.arrays")
    if near:
        remedy = f"is it `{near[0]}`? name it in dataset.arrays; else {remedy}"
    listed = ", ".join(held[:20]) or "no array"
    return violation(name, "an array", f"none (the file holds {listed})", remedy)


def _token_violations(
    header: Header, options: TokenArraysOptions, resolution: int | None
) -> list[Violation]:
    key, columns = options.arrays.tokens, options.token_columns
    expected = f"floating point (events, tokens, {len(columns)})"
    names = f"({', '.join(columns)})"
    if header.is_pickled:
        remedy = "lists of different lengths are not read: pad them with 0 and save a mask"
        return [violation(key, expected, f"Python objects {header.shape}", remedy)]
    if header.dtype.names:
        remedy = f"save numpy.stack of its fields on a last axis, {names}"
        return [violation(key, expected, f"fields {', '.join(header.dtype.names)}", remedy)]
    if header.dtype.kind != "f":
        remedy = "save float32, array.astype(numpy.float32)"
        return [violation(key, expected, str(header), remedy)]
    shape = header.shape
    if len(shape) != 3:
        remedy = "reshape it to one row an event, and in it one a token"
        return [violation(key, expected, str(header), remedy)]
    if shape[2] != len(columns):
        remedy = f"name its {shape[2]} columns in dataset.token_columns, which has {names}"
        if shape[1] == len(columns):
            remedy = "the columns are last: numpy.moveaxis(tokens, 1, -1)"
        return [violation(key, expected, str(header), remedy)]
    if 0 in shape:
        return [violation(key, expected, str(header), "it is empty")]
    if shape[1] > _MOST_TOKENS or shape[0] > _MOST_EVENTS:
        most = f"up to {_MOST_EVENTS} events of up to {_MOST_TOKENS} tokens"
        return [violation(key, most, str(shape), "save fewer, the hardest")]
    if resolution is not None and resolution > shape[1]:
        remedy = "take a lower grid.resolution, or save more tokens an event"
        most = f"{resolution} tokens or more, the resolution"
        return [violation(key, most, f"{shape[1]} tokens an event", remedy)]
    return []


def _other_violations(
    headers: Mapping[str, Header], options: TokenArraysOptions
) -> list[Violation]:
    arrays = options.arrays
    events, tokens = headers[arrays.tokens].shape[:2]
    lists = isinstance(arrays.globals, list)
    found: list[Violation] = []
    shape: tuple[int, ...]
    for name in headers:
        if name == arrays.tokens:
            continue
        if name in (arrays.mask, arrays.classes):
            shape, kinds = (events, tokens), _NUMBERS
        elif name == arrays.axis:
            shape, kinds = (events, 2), "f"
        elif name == arrays.split:
            shape, kinds = (events,), "biuSU"
        elif name in global_arrays(options) and not lists:
            found += _global_violations(name, headers[name], events, options)
            continue
        else:
            shape, kinds = (events,), _NUMBERS
        found += _shape_violations(name, headers[name], shape, kinds, options)
    return found


def _shape_violations(
    name: str, header: Header, shape: tuple[int, ...], kinds: str, options: TokenArraysOptions
) -> list[Violation]:
    expected = f"{'text or whole numbers' if 'U' in kinds else 'numbers'} {shape}"
    if header.is_pickled:
        remedy = "save it with a type of its own, array.astype(...): objects are not unpickled"
        return [violation(name, expected, f"Python objects {header.shape}", remedy)]
    if header.dtype.kind not in kinds:
        return [violation(name, expected, str(header), "save it as numbers")]
    if header.shape == shape:
        return []
    remedy = f"it should go with `{options.arrays.tokens}`, which has {shape[0]} events"
    if tuple(side for side in header.shape if side != 1) == shape:
        remedy = _SQUEEZE
    elif name == options.arrays.labels and len(header.shape) == 2:
        remedy = "save one number an event: of one column a label, labels.argmax(axis=1)"
    return [violation(name, expected, str(header), remedy)]


def _global_violations(
    name: str, header: Header, events: int, options: TokenArraysOptions
) -> list[Violation]:
    names = options.global_names
    count = "globals" if names is None else str(len(names))
    expected = f"numbers ({events}, {count})"
    if header.is_pickled or header.dtype.kind not in _NUMBERS:
        held = f"fields {', '.join(header.dtype.names)}" if header.dtype.names else str(header)
        return [violation(name, expected, held, "save numbers, one column a global")]
    shape = header.shape
    if len(shape) not in (1, 2) or shape[0] != events or 0 in shape:
        remedy = f"save one row an event of `{options.arrays.tokens}`, one column a global"
        return [violation(name, expected, str(header), remedy)]
    columns = shape[1] if len(shape) == 2 else 1
    if names is not None and columns != len(names):
        remedy = f"name each column in dataset.global_names, which has {', '.join(names)}"
        return [violation(name, expected, f"{columns} columns", remedy)]
    return []
