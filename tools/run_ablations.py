"""Train the ablations of the detector with several seeds each, and write what came of it."""

import argparse
import sys
from pathlib import Path

from macbdf_mm.apis.command_line import run_command

# The studies stand outside the package, in the folder above.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from studies.study_command import add_study_arguments, run_study_command


def main() -> int:
    parser = argparse.ArgumentParser(
        description=f"{__doc__} A stopped command goes on where it was."
    )
    add_study_arguments(parser, seeds=range(10))
    arguments = parser.parse_args()

    # Imported late: a wrong flag is answered before torch is loaded.
    from studies.ablations import ABLATIONS, fill_ablation_page

    return run_study_command(ABLATIONS, fill_ablation_page, arguments)


if __name__ == "__main__":
    sys.exit(run_command(main))
