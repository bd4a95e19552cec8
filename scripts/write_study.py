"""Write the resolved config beside the results: see `studygrid.study_file`."""

import sys

from studygrid.study_file import main

sys.exit(main())
