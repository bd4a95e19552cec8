"""The job of ResoMap's layout: writes every file that `layout_files` names."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.interchange.cells import cells_of
from studygrid.interchange.resomap import REPORT, SUMMARY
from studygrid.interchange.resomap_writing import write_layout
from studygrid.interchange.results_summary import write_summary
from studygrid.interchange.text_report import detailed_report
from studygrid.records import write_atomically
from studygrid.results.study_results import read_study


def main(argv: list[str] | None = None) -> int:
    """Run the job of a command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Write a study in ResoMap's layout.", allow_abbrev=False
    )
    parser.add_argument("--study", type=Path, required=True, help="study.yaml of the results")
    parser.add_argument("--log", type=Path, required=True, help="file to write the log to")
    options = parser.parse_args(argv)
    folder: Path = options.study.parent
    try:
        study = read_study(options.study.parent)
        cells = cells_of(study)
        written = write_layout(study, folder, every_cell=True, cells=cells)
        write_summary(study, folder / SUMMARY, cells=cells)
        write_atomically(folder / REPORT, detailed_report(study, cells=cells).encode())
    except StudygridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_atomically(options.log, f"wrote {len(written) + 2} files to {folder}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
