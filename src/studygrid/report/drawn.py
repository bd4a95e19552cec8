"""Figures that are drawn already, and their places in sections."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from studygrid.report.blocks import Block, Definitions, Drawn, Figure, Heading, Section
from studygrid.report.explore import explore_figure
from studygrid.results.study_results import StudyResults

INFERENCE_FIGURES = "inference/figures"
_DC = "{http://purl.org/dc/elements/1.1/}"
_PX_PER = {"pt": 4 / 3, "px": 1.0, "in": 96.0, "": 1.0}
_LENGTH = re.compile(r"([\d.]+)(pt|px|in|)")


def figures(study: StudyResults) -> Section:
    """Return the places of the study's figures, in the order of the config."""
    return Section("figures", "Figures", tuple(map(Figure, study.plan.figures)))


@dataclass(frozen=True)
class NotDrawn:
    """A figure that is not drawn, and why."""

    name: str
    title: str
    reason: str


@dataclass(frozen=True)
class DrawnFiles:
    """The files of drawn figures: ``<name>.svg`` and ``<name>.csv`` in a folder.

    Attributes
    ----------
    names
        The figures of the report; places of others are dropped.
    shown_as
        The folder as the report names it.
    inference
        The figures of the inference phase, if they are in the report.
    """

    folder: Path
    names: tuple[str, ...]
    shown_as: str = "figures"
    inference: DrawnFiles | None = None

    def read(self, name: str) -> Drawn | NotDrawn:
        """Return a figure with its words and numbers, or why there is none."""
        svg, table = self.folder / f"{name}.svg", self.folder / f"{name}.csv"
        plain = name.replace("_", " ").capitalize()
        try:
            content = svg.read_bytes()
            numbers = read_numbers(table)
            title, caption, width_px = _words(content)
        except OSError as error:
            file = f"{self.shown_as}/{Path(error.filename or svg).name}"
            there = not isinstance(error, FileNotFoundError)
            reason = f"cannot be read ({error.strerror})" if there else "does not exist"
            return NotDrawn(name, plain, f"{file} {reason}")
        except (ElementTree.ParseError, pd.errors.ParserError, UnicodeDecodeError) as error:
            return NotDrawn(name, plain, f"{self.shown_as}/{name} cannot be read: {error}")
        if numbers.empty:
            return NotDrawn(name, title or plain, caption or "there is nothing to draw")
        return Drawn(
            name=name,
            title=title or plain,
            caption=caption,
            svg=content,
            width_px=width_px,
            table_file=f"{self.shown_as}/{name}.csv",
            rows=len(numbers),
            explore=explore_figure(numbers, name, title or plain),
        )


def study_figures(study: StudyResults, figures: tuple[str, ...], shown_from: Path) -> DrawnFiles:
    """Return the figures of a study's results folder, those of inference where it is enabled.

    Parameters
    ----------
    figures
        Names of the study's figures.
    shown_from
        The folder of the report that shows them.
    """

    def files(folder: str, names: Iterable[str], inference: DrawnFiles | None = None) -> DrawnFiles:
        path = study.folder / folder
        link = Path(os.path.relpath(path, shown_from)).as_posix()
        return DrawnFiles(path, tuple(names), link, inference)

    enabled = study.plan.study.inference.enabled
    inference = files(INFERENCE_FIGURES, study.plan.inference_figures) if enabled else None
    return files("figures", figures, inference)


def read_numbers(path: Path) -> pd.DataFrame:
    """Read the plotted numbers of a figure; only an empty cell is a missing value."""
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def _words(svg: bytes) -> tuple[str, str, int]:
    """Return title and description of an SVG, and its width in CSS pixels."""
    root = ElementTree.fromstring(svg)
    work = next((node for node in root.iter() if node.tag.endswith("}Work")), None)
    texts = {node.tag: (node.text or "").strip() for node in (work if work is not None else ())}
    length = _LENGTH.fullmatch(root.get("width", ""))
    width_px = float(length[1]) * _PX_PER[length[2]] if length else 640.0
    return texts.get(f"{_DC}title", ""), texts.get(f"{_DC}description", ""), round(width_px)


def placed(section: Section, files: DrawnFiles) -> Section:
    """Return a section with its figures in their places; those not drawn are listed at its end."""
    blocks: list[Block] = []
    lacking: list[NotDrawn] = []
    for block in section.blocks:
        if not isinstance(block, Figure):
            blocks.append(block)
            continue
        own = files.inference if block.of_inference else files
        if own is not None and block.name in own.names:
            found = own.read(block.name)
            if isinstance(found, Drawn):
                blocks.append(found)
            else:
                lacking.append(found)
    return replace(section, blocks=(*blocks, *_listing(lacking)))


def _listing(lacking: Sequence[NotDrawn]) -> list[Block]:
    if not lacking:
        return []
    items = [(f"{found.title} ({found.name})", found.reason) for found in lacking]
    return [Heading("Not drawn"), Definitions(tuple(items))]
