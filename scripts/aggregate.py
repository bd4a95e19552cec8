"""Write the tables of a study: see `studygrid.tables.job`."""

import sys

from studygrid.tables.job import main

sys.exit(main())
