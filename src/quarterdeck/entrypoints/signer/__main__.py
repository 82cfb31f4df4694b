"""Start the signer: `python -m quarterdeck.entrypoints.signer`. Runs until SIGTERM or SIGINT."""

import sys

import django

django.setup()

from quarterdeck.entrypoints.signer.process import main  # noqa: E402  the models need Django first

if __name__ == "__main__":
    sys.exit(main())
