"""The study job: writes the resolved config beside the results."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import yaml

from studygrid.records import write_atomically


def main(argv: list[str] | None = None) -> int:
    """Run the study job of a command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Write study.yaml.", allow_abbrev=False)
    parser.add_argument("--resolved", required=True, help="the resolved config, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the file to write")
    options = parser.parse_args(argv)
    header = "# The study as it was run: every default and override written out.\n"
    content = yaml.safe_dump(json.loads(options.resolved), sort_keys=False, allow_unicode=True)
    encoded = (header + content).encode()
    # What is the same stays as old as it is: nothing made from it is out of date.
    if not options.output.is_file() or options.output.read_bytes() != encoded:
        write_atomically(options.output, encoded)
    return 0


if __name__ == "__main__":
    sys.exit(main())
