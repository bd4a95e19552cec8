"""The report job: writes report.html from the records and the drawn figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.records import write_atomically
from studygrid.report.drawn import study_figures
from studygrid.report.formats import as_html
from studygrid.results.study_results import read_study


def main(argv: list[str] | None = None) -> int:
    """Run the report job of a command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Write a study's report.", allow_abbrev=False)
    parser.add_argument("--study", type=Path, required=True, help="study.yaml of the results")
    parser.add_argument("--figures", nargs="*", default=[], help="names of the figures in it")
    parser.add_argument("--output", type=Path, required=True, help="page to write")
    parser.add_argument("--log", type=Path, required=True, help="file to write the log to")
    options = parser.parse_args(argv)
    try:
        study = read_study(options.study.parent)
        files = study_figures(study, tuple(options.figures), options.output.parent)
        page = as_html(study, files)
    except StudygridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_atomically(options.output, page)
    message = f"wrote {options.output}: {len(page) / 1e6:.1f} MB"
    write_atomically(options.log, f"{message}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
