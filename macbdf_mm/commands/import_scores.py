"""Make a score file of the scores of any detector."""

import argparse

_NUM_NAMED = 5


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Match the scores of a CSV file to an annotation, and write them as a score "
        "file for `macbdf score-tables` and `macbdf compare`."
    )
    parser.add_argument("table", metavar="SCORES.csv", help="a path and P(fake) per row")
    parser.add_argument("annotation", metavar="ANNOTATION.json")
    parser.add_argument("out", metavar="OUT.jsonl", help="score file to write; .parquet too")
    parser.add_argument("--split", help="only the clips of this split (default: all)")
    parser.add_argument("--path-column", default="path", help="default: path")
    parser.add_argument("--score-column", default="score", help="default: score")
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="call fake from this P(fake) on (default: 0.5)"
    )
    parser.add_argument(
        "--logits",
        action="store_true",
        help="scores are on any scale on which 0 is undecided; the logistic function makes P(fake) "
        "of them, in their order",
    )
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()

    from macbdf_mm.apis.import_scores import import_scores
    from macbdf_mm.evaluation.score_file import check_suffix, write_scores
    from macbdf_mm.structures.labels import TRACKS
    from macbdf_mm.utils.counted import counted
    from macbdf_mm.utils.files import check_writable
    from macbdf_mm.utils.tables import printable

    out = check_suffix(arguments.out)
    check_writable(out)
    found = import_scores(
        arguments.table,
        arguments.annotation,
        split=arguments.split,
        path_column=arguments.path_column,
        score_column=arguments.score_column,
        thresholds=dict.fromkeys(TRACKS, arguments.threshold),
        are_logits=arguments.logits,
    )
    write_scores(found.scores, out)
    num, num_scored = len(found.scores.videos), len(found.scores.scored)
    print(f"{num_scored} of {counted(num, 'clip')} scored, {num - num_scored} missing.")
    if found.divisor > 1:
        print(
            f"All scores were divided by {found.divisor:.3g}, for P(fake) of the largest would be "
            "rounded to 0 or 1: judge their order, not how well P(fake) is calibrated."
        )
    if found.unmatched:
        named = ", ".join(map(printable, found.unmatched[:_NUM_NAMED]))
        rest = len(found.unmatched) - _NUM_NAMED
        paths = counted(len(found.unmatched), "path")
        verb = "names" if len(found.unmatched) == 1 else "name"
        where = f"of the split {arguments.split}" if arguments.split else "of the annotation"
        more = f", and {rest} more" if rest > 0 else ""
        print(f"{paths} of the table {verb} no clip {where}: {named}{more}")
    print(out)
