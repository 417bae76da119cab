"""Measure what tables, comparison, import, submission and Parquet of stored scores take."""

import argparse
import sys
from pathlib import Path

from macbdf_mm.apis.command_line import run_command

# What this command runs stands outside the package, in the folder above.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--clips", type=int, default=100_000, help="of each score file (default: %(default)s)"
    )
    parser.add_argument(
        "--windows", action="store_true", help="the clips have windows and time steps"
    )
    parser.add_argument(
        "--num-resamples", type=int, default=1000, help="of the intervals (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--out",
        default="work_dirs/benchmark_scores",
        help="folder for the score files and the report, JSON and Markdown (default: %(default)s)",
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()

    from benchmarks.run_scores import run_scores

    print(
        run_scores(
            arguments.clips,
            arguments.windows,
            arguments.num_resamples,
            arguments.seed,
            Path(arguments.out),
        )
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
