"""The command `macbdf import-scores`, run from a clone."""

import sys

from macbdf_mm.apis.command_line import run_command
from macbdf_mm.commands.import_scores import main

if __name__ == "__main__":
    sys.exit(run_command(main))
