"""Gather whatever is there of a study: see `studygrid.commands.aggregate`."""

import sys

from studygrid.cli import COMMANDS, run_alone

sys.exit(run_alone("aggregate", COMMANDS["aggregate"]))
