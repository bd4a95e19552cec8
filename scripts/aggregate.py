"""Write the tables of a study: see `studygrid.tables`."""

import sys

from studygrid.tables import main

sys.exit(main())
