"""Train with OM-Pareto, without it and with its peers, and write what came of it."""

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
    parser.add_argument(
        "--peer-seeds",
        type=int,
        nargs="+",
        help="seeds of the peers, which are compared in the tables only (default: all)",
    )
    arguments = parser.parse_args()

    # Imported late: a wrong flag is answered before torch is loaded.
    from studies.om_pareto import OM_PARETO, PEERS, fill_om_pareto_page

    peer_seeds = dict.fromkeys(PEERS, arguments.peer_seeds or arguments.seeds)
    return run_study_command(OM_PARETO, fill_om_pareto_page, arguments, peer_seeds)


if __name__ == "__main__":
    sys.exit(run_command(main))
