"""Write the files that the public evaluations of LAV-DF and AV-Deepfake1M++ take."""

import argparse


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Write the proposals of a score file, or its scores, as the public evaluations "
        "of LAV-DF and AV-Deepfake1M++ take them. Neither the model nor torch is needed."
    )
    parser.add_argument("scores", metavar="SCORES.jsonl", help="what `macbdf test` wrote")
    parser.add_argument(
        "--layout", choices=("lavdf", "avdeepfake1m"), required=True, help="whose evaluation it is"
    )
    parser.add_argument("--localisation", metavar="OUT.json", help="where proposals are written")
    parser.add_argument("--detection", metavar="OUT.txt", help="where P(fake) of files is written")
    parser.add_argument(
        "--track",
        choices=("overall", "video", "audio"),
        default="overall",
        help="whose scores and proposals (default: overall)",
    )
    parser.add_argument(
        "--root",
        default="",
        metavar="FOLDER",
        help="left out at the start of the names of files, where the annotation has it and the "
        "data set's own list does not",
    )
    parser.add_argument(
        "--missing",
        choices=("exclude", "as-real", "as-fake"),
        default="exclude",
        help="files without a score are refused by --detection (default), or count as real or fake",
    )
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()

    from macbdf_mm.errors import ConfigError
    from macbdf_mm.evaluation.score_file import read_scores
    from macbdf_mm.reports.submission_files import write_detection, write_localisation
    from macbdf_mm.utils.counted import counted
    from macbdf_mm.utils.files import check_writable

    if not arguments.localisation and not arguments.detection:
        raise ConfigError("Nothing to write: give --localisation OUT.json or --detection OUT.txt.")
    for out in filter(None, (arguments.localisation, arguments.detection)):
        check_writable(out)
    scores = read_scores(arguments.scores)
    track, root = arguments.track, arguments.root
    if arguments.detection:
        write_detection(scores, arguments.detection, track, root, arguments.missing)
        print(f"{arguments.detection}: {counted(len(scores.videos), 'file')}.")
    if arguments.localisation:
        path = arguments.localisation
        num_empty = write_localisation(scores, path, arguments.layout, track, root)
        print(f"{path}: {counted(len(scores.videos), 'file')}, {num_empty} without a proposal.")
