"""Write a study in ResoMap's layout: see `studygrid.interchange.resomap_job`."""

import sys

from studygrid.interchange.resomap_job import main

sys.exit(main())
