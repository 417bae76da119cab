"""The command `macbdf score-tables`, run from a clone."""

import sys

from macbdf_mm.apis.command_line import run_command
from macbdf_mm.commands.score_tables import main

if __name__ == "__main__":
    sys.exit(run_command(main))
