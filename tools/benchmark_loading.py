"""Measure how fast clips are loaded, and hold it against mmaction2's pipeline and the goals."""

import argparse
import sys
from pathlib import Path

from macbdf_mm.apis.command_line import run_command

# What this command runs stands outside the package, in the folder above.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few rounds and clips: less than three minutes"
    )
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--out",
        default="work_dirs/benchmark_loading",
        help="folder for the report, JSON and Markdown (default: %(default)s)",
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()

    # Imported late: a wrong flag is answered before torch is loaded.
    from benchmarks.run_loading import run_loading
    from benchmarks.settings import Settings

    # The config whose loading is measured: 16 frames and the sound of 2.56 s.
    settings = Settings(Path("configs/macbdf_dfdc.py"), arguments.quick, seed=arguments.seed)
    print(run_loading(settings, Path(arguments.out)))


if __name__ == "__main__":
    sys.exit(run_command(main))
