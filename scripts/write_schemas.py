"""Write the JSON Schemas of the config and the records: see `studygrid.schemas`."""

import sys

from studygrid.schemas import main

sys.exit(main())
