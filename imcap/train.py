"""`python train.py …`, as the originals are called: `imcap train`.

Called, as `imcap.train(…)`, it is `imcap.cli.functions.train`.
"""

import sys

from imcap.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
