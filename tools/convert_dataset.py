"""Convert a data set, as it was published, to the project's annotation."""

import argparse
import os
import sys

from macbdf_mm.apis.command_line import run_command

NAMES = ("dfdc",)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Convert a data set, as it was published, to the project's annotation.",
        epilog="Beside OUT.json stand OUT.report.json, which lists all that was wrong, and "
        "OUT.journal.jsonl, from which a run that was stopped goes on.",
    )
    parser.add_argument("name", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("root", metavar="ROOT", help="folder of the data set")
    parser.add_argument("out", metavar="OUT.json", help="annotation to write")
    parser.add_argument(
        "--inspect",
        choices=("nothing", "headers", "tracks"),
        help="how far to look into the files: nothing but that they exist; headers, for tracks and "
        "length, without decoding; tracks, for dfdc, also whether sound and picture differ from "
        "the original's (default: tracks for dfdc, headers for the others)",
    )
    parser.add_argument(
        "--audio-fake-implies-video-fake",
        action="store_true",
        help="dfdc: take for granted that no clip is fake in its sound alone",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="processes that look into files (default: one a core)",
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()

    # Imported late: a wrong argument is answered at once, and the processes that look into files
    # import this module too.
    from macbdf_mm.apis.progress_line import ProgressLine
    from macbdf_mm.datasets.converters import ConversionOptions, convert_dataset

    options = ConversionOptions(
        inspection=arguments.inspect,
        audio_fake_implies_video_fake=arguments.audio_fake_implies_video_fake,
    )
    report = convert_dataset(
        arguments.name,
        arguments.root,
        arguments.out,
        options,
        arguments.workers,
        ProgressLine("files"),
    )
    print(report.describe())


if __name__ == "__main__":
    sys.exit(run_command(main))
