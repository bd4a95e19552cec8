"""Run a study, or the part of its grid that is named: see `studygrid.commands.run`."""

import sys

from studygrid.cli import COMMANDS, run_alone

sys.exit(run_alone("run", COMMANDS["run"]))
