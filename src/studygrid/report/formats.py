"""A study's report in the formats that people open."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from studygrid.report.drawn import DrawnFiles
from studygrid.report.sections import report_sections
from studygrid.results.study_results import StudyResults


def as_html(study: StudyResults, files: DrawnFiles) -> bytes:
    """Return the report as one HTML page."""
    from studygrid.report.page import html_page

    return html_page(study, report_sections(study, files)).encode()


def as_markdown(study: StudyResults, files: DrawnFiles) -> bytes:
    """Return the report in Markdown, which links to the figures."""
    from studygrid.report.markdown import markdown_page

    return markdown_page(study, report_sections(study, files)).encode()


def as_pdf(study: StudyResults, files: DrawnFiles) -> bytes:
    """Return the page as PDF.

    Raises
    ------
    StudygridError
        If WeasyPrint is not installed.
    """
    from studygrid.report.page import html_page
    from studygrid.report.pdf import pdf_of

    return pdf_of(html_page(study, report_sections(study, files), for_paper=True))


def as_text(study: StudyResults, files: DrawnFiles) -> bytes:
    """Return the report for a terminal; it has no figures."""
    from studygrid.interchange.text_report import detailed_report

    return detailed_report(study).encode()


FORMATS: Mapping[str, Callable[[StudyResults, DrawnFiles], bytes]] = {
    "html": as_html,
    "md": as_markdown,
    "pdf": as_pdf,
    "txt": as_text,
}
FILE_NAMES = {name: f"report.{name}" for name in FORMATS} | {"txt": "detailed_report.txt"}
