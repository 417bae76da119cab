"""Find the faces of a data set: boxes into the annotation, or small prepared crops."""

import argparse
import os
import sys
from pathlib import Path

from macbdf_mm.apis.command_line import ConfigOptions, run_command


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Find the faces of a data set: boxes into the annotation, or small prepared "
        "crops with their sound.",
        epilog="A run that was stopped goes on where it was. OUT gets annotation.json, report.json "
        "and, with crops, failed.json. Exit code: 0 if every clip was looked at, however many have "
        "no face.",
    )
    parser.add_argument("annotation", metavar="ANN.json", help="in the project's format")
    parser.add_argument("--data-root", required=True, help="folder of the files that it names")
    parser.add_argument("--out", required=True, help="folder for all that is made")
    parser.add_argument(
        "--crops",
        choices=("none", "mp4", "jpeg"),
        default="none",
        help="none: boxes alone, for cropping while loading (default)",
    )
    parser.add_argument("--size", type=int, default=224, help="of crops, in pixels (default: 224)")
    parser.add_argument(
        "--margin", type=float, default=1.3, help="side of a crop over that of its face's box"
    )
    parser.add_argument(
        "--quality",
        type=int,
        help="of crops, lower is better: x264's CRF (default: 18), or FFmpeg's JPEG scale (3)",
    )
    parser.add_argument(
        "--detector",
        default="MTCNNDetector",
        help="a registered class, or `annotation` for the boxes that stand there "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--detector-options",
        nargs="+",
        action=ConfigOptions,
        default={},
        metavar="KEY=VALUE",
        help="arguments of the detector, such as device=cuda:0",
    )
    parser.add_argument(
        "--import",
        nargs="+",
        dest="imports",
        default=[],
        metavar="MODULE",
        help="modules that register detectors of your own",
    )
    parser.add_argument("--step", type=float, default=0.2, help="seconds from look to look")
    parser.add_argument(
        "--workers",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="processes (default: one a core)",
    )
    parser.add_argument(
        "--shard", type=_shard, default=(0, 1), metavar="I/N", help="do the I-th of N parts"
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="look again at clips that failed before"
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()

    # Imported late: a wrong argument is answered at once.
    from macbdf_mm.prepare.faces.face_crop import CropSettings
    from macbdf_mm.prepare.faces.find_faces import TrackingSettings
    from macbdf_mm.prepare.faces.prepare_clip import PreparationSettings
    from macbdf_mm.prepare.faces.prepare_faces import RunOptions, prepare_faces
    from macbdf_mm.utils.progress import ProgressLine

    detector = {"type": arguments.detector, **arguments.detector_options}
    crops = None
    if arguments.crops != "none":
        crops = CropSettings(arguments.crops, arguments.size, arguments.margin, arguments.quality)
    settings = PreparationSettings(
        None if arguments.detector == "annotation" else detector,
        TrackingSettings(step_seconds=arguments.step),
        crops,
        tuple(arguments.imports),
    )
    report = prepare_faces(
        arguments.annotation,
        arguments.data_root,
        Path(arguments.out),
        settings,
        RunOptions(arguments.workers, arguments.shard, arguments.retry_failed),
        ProgressLine("clips"),
    )
    print(report.describe())


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"expected I/N with 1 <= I <= N, got {text!r}")
    return int(index) - 1, int(count)


if __name__ == "__main__":
    sys.exit(run_command(main))
