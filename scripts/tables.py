"""Write the tables of a study for people: see `studygrid.tables.writing`."""

import sys

from studygrid.tables.writing import main

sys.exit(main())
