"""``python -m macbdf_mm``: the command ``macbdf``."""

import sys

from macbdf_mm.commands.macbdf import main

if __name__ == "__main__":
    sys.exit(main())
