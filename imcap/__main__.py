"""`imcap COMMAND …`."""

import sys

from imcap.cli.dispatch import main

if __name__ == "__main__":
    sys.exit(main())
