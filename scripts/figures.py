"""Draw the figures of a study: see `studygrid.figures.job`."""

import sys

from studygrid.figures.job import main

sys.exit(main())
