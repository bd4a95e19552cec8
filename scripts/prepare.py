"""Prepare a dataset at one resolution: see `studygrid.preparation`."""

import sys

from studygrid.preparation import main

sys.exit(main())
