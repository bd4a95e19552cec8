"""The report as one HTML page that needs no network and no JavaScript."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from studygrid.report.blocks import Block, Drawn, Explore, Section
from studygrid.report.table_view import table_view
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table
from studygrid.version import __version__

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class _Scripts:
    """The scripts of a page; `charts` is not run before a chart is opened."""

    page: str | None
    charts: str | None

    @property
    def policy(self) -> str:
        """The content security policy: nothing is loaded, these scripts alone run."""
        scripts = [script for script in (self.page, self.charts) if script]
        hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
        return (
            f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}; "
            "base-uri 'none'; form-action 'none'"
        )


@dataclass(frozen=True)
class Head:
    """What stands above the sections of a page, and what it says that it was made from.

    Attributes
    ----------
    name, subject, kind
        The title, what it is of (in the title of the window), and the line above the title.
    facts
        Terms and what they are.
    """

    name: str
    subject: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    made_from: str


def html_page(study: StudyResults, sections: Sequence[Section], *, for_paper: bool = False) -> str:
    """Return a study's report as HTML: the same text for the same results.

    Parameters
    ----------
    for_paper
        As for `page_of`.
    """
    made_from = "files that it names" if study.collected else "records of the study"
    facts = tuple(_facts(study))
    head = Head(study.name, study.family.title, kind_of(study), facts, made_from)
    return page_of(head, sections, for_paper=for_paper)


def page_of(head: Head, sections: Sequence[Section], *, for_paper: bool = False) -> str:
    """Return a page as HTML.

    Everything is in it: styles, scripts, figures, and the libraries that draw the charts, which
    are there only where a section has one.

    Parameters
    ----------
    sections
        Their figures are drawn; the id of each is its own.
    for_paper
        Leave out what a printed page cannot show: charts, scripts, columns on demand.
    """
    blocks = [
        [view for block in section.blocks if (view := _view(block, for_paper))]
        for section in sections
    ]
    has_charts = any(map(_has_chart, chain.from_iterable(blocks)))
    scripts = _Scripts(
        None if for_paper else _asset("page.js"), _chart_scripts() if has_charts else None
    )
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            name=head.name,
            family=head.subject,
            kind=head.kind,
            facts=head.facts,
            sections=list(zip(sections, blocks, strict=True)),
            style=Markup(_asset("page.css")),
            policy=scripts.policy,
            page_script=Markup(scripts.page) if scripts.page else None,
            chart_script=_packed(scripts.charts) if scripts.charts else None,
            version=__version__,
            made_from=head.made_from,
        )
    )


def kind_of(study: StudyResults) -> str:
    """Return what a report is of: ``Image classification study``."""
    return f"{study.family.title}{': collected runs' if study.collected else ' study'}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {
        "allow_nan": False,
        "ensure_ascii": False,
        "separators": (",", ":"),
    }
    return environment


def _facts(study: StudyResults) -> list[tuple[str, str]]:
    """Return what stands beneath the title."""
    ok = int((study.frame["status"] == "ok").sum())
    facts = [
        ("Models", f"{len(study.order['model']):,}"),
        ("Cells", f"{len(study.plan.cells):,}"),
        ("Runs ok", f"{ok:,} of {len(study.frame):,}"),
        ("Metric", study.metric.label + ("" if study.split == "test" else f" ({study.split})")),
    ]
    if study.facts:
        last = max(facts.finished_at for facts in study.facts.values())
        facts.append(("Last run", last[:10]))
    return facts


@dataclass(frozen=True)
class _Shown:
    """A drawn figure as the page shows it."""

    figure: Drawn
    source: str
    explore: dict[str, Any] | None


def _view(block: Block, for_paper: bool) -> tuple[str, Any] | None:
    """Return the kind of a block and what the template shows of it; None of what it cannot."""
    match block:
        case Drawn():
            encoded = base64.b64encode(block.svg).decode()
            chart = asdict(block.explore) if block.explore and not for_paper else None
            return "figure", _Shown(block, f"data:image/svg+xml;base64,{encoded}", chart)
        case Explore():
            return None if for_paper else ("explore", asdict(block))
        case Table():
            return "table", table_view(block, for_paper=for_paper)
        case _:
            return type(block).__name__.lower(), block


def _has_chart(view: tuple[str, Any]) -> bool:
    kind, content = view
    return kind == "explore" or (kind == "figure" and content.explore is not None)


def _asset(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


@cache
def _chart_scripts() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script, with the notice of their licence."""
    import vl_convert

    version = vl_convert.get_vegalite_versions()[-1]
    script = vl_convert.javascript_bundle(vl_version=version)  # type: ignore[call-arg]
    notice = (
        f"/* Vega {vl_convert.get_vega_version()}, Vega-Lite {version}, vega-embed "
        f"{vl_convert.get_vega_embed_version()}; (c) University of Washington Interactive Data "
        "Lab and contributors; BSD 3-Clause License, github.com/vega */\n"
    )
    return notice + script


def _packed(script: str) -> str:
    """Return a script as the page holds it until a chart is opened: a third of its size."""
    return base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
