"""Write the report of a study: see `studygrid.report.job`."""

import sys

from studygrid.report.job import main

sys.exit(main())
