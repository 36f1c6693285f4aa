"""`python train.py …`: `imcap train`; called, `imcap.cli.functions.train`."""

import sys

from imcap.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
