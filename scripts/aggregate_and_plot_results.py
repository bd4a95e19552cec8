"""Aggregate a generalization study: see `studygrid.commands.aggregate_and_plot_results`."""

import sys

from studygrid.cli import run_alone

_DESCRIPTION = "Summarise and plot all training-set sizes of a generalization study's folder."

sys.exit(run_alone("aggregate_and_plot_results", _DESCRIPTION))
