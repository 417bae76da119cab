"""Convert a data set, as it was published, to the project's annotation."""

import argparse
import os
import sys

from macbdf_mm.apis.command_line import run_command

NAMES = ("dfdc", "fakeavceleb", "lavdf", "av_deepfake1m", "generic")


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
    own = parser.add_argument_group("generic: a data set of your own")
    own.add_argument(
        "--table",
        help="CSV, JSON-lines or JSON file with a row a clip (default: labels from the names of "
        "folders, such as RealVideo-FakeAudio, real, fake)",
    )
    own.add_argument(
        "--column",
        nargs="+",
        type=pair,
        default=[],
        metavar="FIELD=COLUMN",
        help="what the table calls the fields of the annotation, such as file=name",
    )
    own.add_argument(
        "--value",
        nargs="+",
        type=pair,
        default=[],
        metavar="VALUE=MEANING",
        help="what values of labels mean (real, fake, unknown), such as generated=fake",
    )
    own.add_argument(
        "--identity-pattern",
        metavar="REGEX",
        help="finds who is seen in the path of a file, such as '/(id[0-9]+)/'",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="processes that look into files (default: one a core)",
    )
    return parser.parse_args()


def pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"expected two words with = between, got {text!r}")
    return name, value


def main() -> None:
    arguments = parse_arguments()

    # Imported late: a wrong argument is answered at once, and the processes that look into files
    # import this module too.
    from macbdf_mm.prepare.converters import (
        ConversionOptions,
        GenericOptions,
        convert_dataset,
    )
    from macbdf_mm.utils.progress import ProgressLine

    options = ConversionOptions(
        inspection=arguments.inspect,
        audio_fake_implies_video_fake=arguments.audio_fake_implies_video_fake,
        generic=GenericOptions(
            table=arguments.table,
            columns=dict(arguments.column),
            values=dict(arguments.value),
            identity_pattern=arguments.identity_pattern,
        ),
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
