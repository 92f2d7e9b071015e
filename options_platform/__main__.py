"""`python -m options_platform` is the command line."""

import sys

from options_platform.cli import main

if __name__ == "__main__":
    sys.exit(main())
