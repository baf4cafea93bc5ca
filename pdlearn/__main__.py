"""`python -m pdlearn`: the command, for torchrun and for Pythons without its script."""

import sys

from pdlearn.cli import main

if __name__ == "__main__":
    sys.exit(main())
