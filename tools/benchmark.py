"""Measure speed and memory against stock PyTorch, and hold them against the goals."""

import argparse
import sys
from pathlib import Path

from macbdf_mm.apis.command_line import run_command

# What this command runs stands outside the package, in the folder above.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few rounds: minutes instead of half an hour"
    )
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="NAME", help="measure only some benchmarks"
    )
    parser.add_argument(
        "--scaling",
        action="store_true",
        help="measure how cost grows with frames, resolution, depth and batch instead",
    )
    parser.add_argument(
        "--config",
        default="configs/macbdf_dfdc.py",
        help="whose model and optimiser are measured (default: %(default)s)",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="on the CPU; more than one is timed on the wall"
    )
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--out", default="work_dirs/benchmark", help="folder for the report (default: %(default)s)"
    )
    arguments = parser.parse_args()
    if arguments.scaling and arguments.only:
        parser.error("--scaling measures growth and nothing else; leave out --only")
    return arguments


def main() -> None:
    arguments = parse_arguments()

    # Imported late: a wrong flag is answered before torch is loaded.
    from benchmarks.run_benchmarks import run_benchmarks
    from benchmarks.scaling import run_scaling
    from benchmarks.settings import Settings

    settings = Settings(Path(arguments.config), arguments.quick, arguments.threads, arguments.seed)
    out = Path(arguments.out)
    if arguments.scaling:
        print(run_scaling(settings, out))
    else:
        print(run_benchmarks(settings, arguments.only, out).as_markdown())


if __name__ == "__main__":
    sys.exit(run_command(main))
