"""The report as PDF: the same page, printed by WeasyPrint."""

from __future__ import annotations

import importlib

from studygrid.errors import StudygridError


def pdf_of(page: str) -> bytes:
    """Return an HTML page as PDF; what it does not hold itself is not loaded.

    Raises
    ------
    StudygridError
        If WeasyPrint, or a library of the system that it needs, is not installed.
    """
    try:
        weasyprint = importlib.import_module("weasyprint")
    except ImportError as error:
        raise StudygridError(
            f"a PDF needs WeasyPrint, which cannot be loaded ({error}): "
            "pip install 'studygrid[report]'"
        ) from None
    except OSError as error:
        reason = (str(error).splitlines() or [""])[0]
        raise StudygridError(
            f"WeasyPrint does not find the library Pango ({reason}); install it with the system's "
            "package manager (Debian: libpango-1.0-0 libpangoft2-1.0-0), or take --format html"
        ) from None
    fetcher = weasyprint.URLFetcher(allowed_protocols=["data"])
    content: bytes = weasyprint.HTML(string=page, url_fetcher=fetcher).write_pdf()
    return content
