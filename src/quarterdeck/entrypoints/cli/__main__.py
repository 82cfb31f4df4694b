"""`python -m quarterdeck.entrypoints.cli`."""

import sys

from quarterdeck.entrypoints.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
