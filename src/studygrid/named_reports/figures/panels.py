"""Panels of a figure of a report: one for each setting that no colour or marker shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from studygrid.named_reports.figures.cells import AXES, Cells, value_words

_WEIGHT = "globals_weight"
_ONE_OF = ("n_train", "resolution")  # where there are too many, the largest of these alone


@dataclass(frozen=True)
class Panel:
    """Cells that are drawn together: they share all but what a figure shows within a panel.

    Attributes
    ----------
    encoder
        The encoder that they share; empty where a figure shows encoders within a panel.
    """

    title: str
    cells: tuple[int, ...]
    encoder: str = ""


def panels_of(
    cells: Cells, numbers: pd.DataFrame, within: Sequence[str], most: int
) -> tuple[list[Panel], str]:
    """Return the panels of the cells that have a value, and what is not drawn, in words.

    Where there are more than `most`, those of the largest training size and then of the largest
    resolution are drawn, and of these the ones with the most cells. Where a figure shows weights
    of the globals, panels with several of them come first, and are drawn before others.

    A latent without a tokenizer is as wide as the network, which is no choice: such a cell stands
    in the panel of each latent size, unless it was trained at several.

    Parameters
    ----------
    numbers
        Of `cell_numbers`.
    within
        Columns that a figure shows by colour, marker or place.
    """
    columns = [name for name in cells.told_by if name not in within]
    there, widened = _without_widths(numbers.loc[numbers["n"] > 0], cells.told_by, columns)
    every = _panels(cells, there, columns, within)
    shown, only = every, []
    for name in _ONE_OF:
        if len(shown) > most and name in columns:
            values = [value for value in cells.values(name) if value in set(there[name])]
            there = there.loc[there[name] == values[-1]]
            shown = _panels(cells, there, columns, within)
            only.append(value_words(name, values[-1]))
    if len(shown) > most:
        several = {panel for panel in shown if _has_weights(there, panel, within)}
        ranked = sorted(shown, key=lambda panel: (panel not in several, -len(panel.cells)))
        shown = [panel for panel in shown if panel in ranked[:most]]
        first = "several weights, then " if several else ""
        only.append(f"the {most} with {first}the most cells")
    if len(shown) == len(every):
        return shown, widened
    # What all that are drawn share is said once.
    there = there.loc[there["cell"].isin([cell for panel in shown for cell in panel.cells])]
    told = [name for name in columns if there[name].nunique() > 1]
    shown = _panels(cells, there, told, within)
    drawn = (
        f"Drawn are {len(shown)} of {len(every)} panels, {' and '.join(only)} alone; the "
        "figure's CSV has all."
    )
    return shown, f"{widened} {drawn}".strip()


def _without_widths(
    there: pd.DataFrame, told: Sequence[str], columns: Sequence[str]
) -> tuple[pd.DataFrame, str]:
    """Return the cells without the width of latents that have no tokenizer, and that in words."""
    if "latent_dim" not in columns or "tokenizer" not in there:
        return there, ""
    plain = there.loc[there["tokenizer"] == "none"]
    alike = [name for name in told if name != "latent_dim"]
    blank = plain.index[~plain.duplicated(alike, keep=False)] if alike else plain.index
    if blank.empty or len(blank) == len(there):
        return there, ""
    return there.assign(latent_dim=there["latent_dim"].mask(there.index.isin(blank), "")), (
        "Without a tokenizer the latent is as wide as the network: it stands in the panels of "
        "every latent size."
    )


def _has_weights(numbers: pd.DataFrame, panel: Panel, within: Sequence[str]) -> bool:
    """Tell whether a panel has several weights of the globals, all else alike."""
    if _WEIGHT not in within or _WEIGHT not in numbers:
        return False
    own = numbers.loc[numbers["cell"].isin(panel.cells)]
    others = [name for name in within if name != _WEIGHT and name in own]
    if not others:
        return own[_WEIGHT].nunique() > 1
    return bool((own.groupby(others)[_WEIGHT].nunique() > 1).any())


def _panels(
    cells: Cells, numbers: pd.DataFrame, columns: Sequence[str], within: Sequence[str]
) -> list[Panel]:
    if not columns:
        return [Panel("", tuple(numbers["cell"]))] if len(numbers) else []
    # Encoders stand beside each other, whatever else differs stands below.
    order = [*(name for name in columns if name != "encoder"), *({"encoder"} & set(columns))]
    found = []
    for values, own in _shared(numbers, columns):
        title = ", ".join(filter(None, (value_words(*item) for item in values.items())))
        panel = Panel(title, own, values.get("encoder", ""))
        # A width that was taken away has no place among the values.
        places = [["", *cells.values(name)].index(values[name]) for name in order]
        found.append(((not _has_weights(numbers, panel, within), *places), panel))
    return [panel for _, panel in sorted(found, key=lambda item: item[0])]


def _shared(
    numbers: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """Yield what the cells of each panel share, and the cells.

    A cell to which a setting does not apply, as codes do not where there is no tokenizer, stands
    in the panel of each of its values.
    """
    rows = numbers[list(columns)].drop_duplicates().to_dict("records")
    axes = [name for name in columns if name in AXES and (numbers[name] != "").any()]
    whole = [row for row in rows if all(row[name] for name in axes)]
    placed: set[int] = set()
    for row in [*whole, *(row for row in rows if row not in whole)]:
        fits = pd.Series(True, numbers.index)
        for name, value in row.items():
            fits &= numbers[name].eq(value) | (numbers[name].eq("") & (name in axes))
        own = tuple(numbers.loc[fits, "cell"])
        if row in whole or not placed.issuperset(own):
            placed |= set(own)
            yield {str(name): str(value) for name, value in row.items()}, own


def same_scale(cells: Cells, within: Sequence[str]) -> bool:
    """Tell whether panels may share an axis of errors: another resolution is another task."""
    return not ("resolution" in cells.told_by and "resolution" not in within)
