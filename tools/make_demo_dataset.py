"""Render the synthetic demo data set: talking heads, real and forged, as mp4 files."""

import argparse
import sys
import time
from pathlib import Path

from macbdf_mm.apis.command_line import run_command

# What this command runs stands outside the package, in the folder above.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="data/demo", help="folder to make (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--num-clips", type=int, default=1000, help="in all splits together (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="processes that render (default: %(default)s)"
    )
    parser.add_argument(
        "--size", type=int, default=128, help="height and width in pixels (default: %(default)s)"
    )
    return parser.parse_args()


def main() -> None:
    # Imported late, so that --help answers at once.
    from demo.demo_dataset import DemoSettings, build_demo_dataset
    from macbdf_mm.utils.progress import ProgressLine

    args = parse_args()
    settings = DemoSettings(num_clips=args.num_clips, seed=args.seed, size=args.size)
    begin = time.monotonic()
    annotation = build_demo_dataset(args.out, settings, args.workers, ProgressLine("clips"))
    print(f"{args.num_clips} clips in {time.monotonic() - begin:.0f} s; annotation: {annotation}")


if __name__ == "__main__":
    sys.exit(run_command(main))
