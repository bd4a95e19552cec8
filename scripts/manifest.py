"""Write what a report was made from: see `studygrid.manifest`."""

import sys

from studygrid.manifest import main

sys.exit(main())
