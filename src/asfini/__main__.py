"""`python -m asfini` is the command `asfini`."""

import sys

from asfini.cli import main

if __name__ == "__main__":
    sys.exit(main())
