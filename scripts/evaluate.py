"""Score one run on the test split: see `studygrid.evaluation`."""

import sys

from studygrid.evaluation import main

sys.exit(main())
