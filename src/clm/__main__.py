"""Run the command line as ``python -m clm``."""

import sys

from clm.cli import main

sys.exit(main())
