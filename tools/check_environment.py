"""The command `macbdf check-environment`, run from a clone, also where nothing is installed."""

import runpy
from pathlib import Path

COMMAND = Path(__file__).parents[1] / "macbdf_mm" / "commands" / "check_environment.py"

if __name__ == "__main__":
    runpy.run_path(str(COMMAND), run_name="__main__")
