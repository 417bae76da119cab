"""Convert a data set, as it was published, to the project's annotation."""

import argparse

from macbdf_mm.registered_parts import given_options, known_parts, make_parser
from macbdf_mm.registry import CONVERTERS
from macbdf_mm.utils.engine_arguments import add_engine_arguments, engine_from

# Of opening a file, or of comparing a fake with its original, which takes a second or two.
TIME_LIMIT_SECONDS = 60.0


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = make_parser(
        CONVERTERS,
        description="Convert a data set, as it was published, to the project's annotation.",
        epilog="Beside OUT.json stand OUT.report.json, which lists all that was wrong, and "
        "OUT.journal.jsonl, from which a run that was stopped resumes.",
    )
    names = ", ".join(known_parts(CONVERTERS))
    parser.add_argument("name", metavar="NAME", help=f"one of those below: {names}")
    parser.add_argument("root", metavar="ROOT", help="folder of the data set")
    parser.add_argument("out", metavar="OUT.json", help="annotation to write")
    parser.add_argument(
        "--inspect",
        choices=("nothing", "headers", "tracks"),
        help="how far to look into the files: nothing but that they exist; headers, for tracks and "
        "length, without decoding; tracks, where these have no labels, also whether sound and "
        "picture differ from the original's (default: as far as the data set needs)",
    )
    add_engine_arguments(parser, time_limit_seconds=TIME_LIMIT_SECONDS)
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()

    # Imported late, so that a wrong argument is answered at once.
    from macbdf_mm.prepare.converters import convert_dataset
    from macbdf_mm.utils.progress import ProgressLine

    report = convert_dataset(
        arguments.name,
        arguments.root,
        arguments.out,
        arguments.inspect,
        given_options(CONVERTERS, arguments),
        engine_from(arguments),
        arguments.shard,
        ProgressLine("files"),
    )
    if report is None:
        print(
            f"Part {arguments.shard} is in the journal; when all parts are, run the command "
            "without --shard to write the annotation."
        )
    else:
        print(report.describe())
