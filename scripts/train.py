"""Train one run: see `studygrid.training.job`."""

import sys

from studygrid.training.job import main

sys.exit(main())
