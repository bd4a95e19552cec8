"""Write what inference found in a study: see `studygrid.inference_summary`."""

import sys

from studygrid.inference_summary import main

sys.exit(main())
