"""Say which of several detectors is better on the same clips, and how sure that is."""

import argparse


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Compare detectors by their score files of the same clips: DeLong's test of "
        "the AUC, a paired bootstrap of persons for all metrics, and Holm's correction for several "
        "pairs."
    )
    parser.add_argument(
        "scores", metavar="SCORES.jsonl", nargs="*", help="a score file of each detector"
    )
    parser.add_argument(
        "--system",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME", "SCORES.jsonl"),
        help="a detector by name with the score files of its training seeds; give it for each",
    )
    parser.add_argument(
        "--track",
        choices=("overall", "video", "audio"),
        default="overall",
        help="whose scores are compared (default: overall)",
    )
    parser.add_argument(
        "--missing",
        choices=("exclude", "as-real", "as-fake"),
        default="exclude",
        help="clips that a file has no score for are left out (default), or count as called real "
        "or fake",
    )
    parser.add_argument(
        "--intersection", action="store_true", help="compare the clips that all files have"
    )
    parser.add_argument(
        "--num-resamples", type=int, default=1000, help="of the intervals (default: 1000)"
    )
    parser.add_argument("--json", metavar="FILE.json", help="write the comparison to a file")
    arguments = parser.parse_args()
    if len(arguments.scores) + len(arguments.system) < 2:
        parser.error("expected two or more detectors")
    if any(len(system) < 2 for system in arguments.system):
        parser.error("argument --system: expected a name and one or more score files")
    return arguments


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()

    from macbdf_mm.apis.wrong_inputs import WrongInputs
    from macbdf_mm.evaluation.score_file import ScoreSet, read_scores
    from macbdf_mm.evaluation.system_comparison import (
        System,
        compare_systems,
        system_names,
    )
    from macbdf_mm.reports.comparison_tables import (
        comparison_sentences,
        comparison_tables,
        comparison_to_json,
    )
    from macbdf_mm.utils.files import check_writable, write_json

    names = system_names(arguments.scores)
    given = [*zip(names, [[path] for path in arguments.scores], strict=True)]
    given += [(name, files) for name, *files in arguments.system]
    wrong = WrongInputs()
    read: list[tuple[str, list[ScoreSet]]] = [(name, []) for name, _ in given]
    for (_, files), (_, runs) in zip(given, read, strict=True):
        for file in files:
            with wrong.noted():
                runs.append(read_scores(file))
    if arguments.json:
        with wrong.noted():
            check_writable(arguments.json)
    wrong.refuse()
    systems = [System(name, runs) for name, runs in read]
    found = compare_systems(
        systems,
        arguments.track,
        arguments.missing,
        arguments.intersection,
        arguments.num_resamples,
    )
    for title, table in comparison_tables(found).items():
        print(f"{title}\n{table.to_text()}\n")
    print(*comparison_sentences(found), sep="\n")
    if arguments.json:
        write_json(comparison_to_json(found), arguments.json)
