"""Measure one model's inference at one resolution: see `studygrid.profiling.job`."""

import sys

from studygrid.profiling.job import main

sys.exit(main())
