"""``python -m zpns.cli`` is ``zpns``."""

import sys

from zpns.cli import main

if __name__ == "__main__":
    sys.exit(main())
