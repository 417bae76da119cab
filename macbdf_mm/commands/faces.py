"""Find the faces of a data set: boxes into the annotation, or small prepared crops."""

import argparse
from pathlib import Path

from macbdf_mm.apis.command_line import ConfigOptions
from macbdf_mm.utils.engine_arguments import add_engine_arguments, engine_from


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Find the faces of a data set: boxes into the annotation, or small prepared "
        "crops with their sound.",
        epilog="A run that was stopped resumes. OUT gets annotation.json, report.json "
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
        "--retry-failed", action="store_true", help="look again at clips that failed before"
    )
    add_engine_arguments(parser, time_limit_seconds=600.0)
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()

    # Imported late: a wrong argument is answered at once.
    from macbdf_mm.prepare.faces.face_crop import CropSettings
    from macbdf_mm.prepare.faces.find_faces import TrackingSettings
    from macbdf_mm.prepare.faces.prepare_clip import PreparationSettings
    from macbdf_mm.prepare.faces.prepare_faces import prepare_faces
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
        engine_from(arguments),
        ProgressLine("clips"),
        arguments.shard,
        arguments.retry_failed,
    )
    print(report.describe())
