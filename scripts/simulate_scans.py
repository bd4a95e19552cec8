"""Write simulated scans as files: see `studygrid.families.ptychography.data.files.simulate`."""

import sys

from studygrid.families.ptychography.data.files.simulate import main

sys.exit(main())
