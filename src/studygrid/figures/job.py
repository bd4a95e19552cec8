"""The figures job: draws the figures of a study from its records."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.figures import load_figure
from studygrid.figures.drawing import save
from studygrid.records import write_atomically
from studygrid.results.study_results import read_study


def main(argv: list[str] | None = None) -> int:
    """Run the figures job of a command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Draw a study's figures.", allow_abbrev=False)
    parser.add_argument("--study", type=Path, required=True, help="study.yaml of the results")
    parser.add_argument("--figures", nargs="+", required=True, help="names of the figures")
    parser.add_argument("--log", type=Path, required=True, help="file to write the log to")
    options = parser.parse_args(argv)
    try:
        study = read_study(options.study.parent)
        folder = study.folder / "figures"
        for name in options.figures:
            save(load_figure(study.family, name)(study), folder / name)
    except StudygridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_atomically(options.log, f"drew {', '.join(options.figures)}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
