"""Print all tables of a score file."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Compute all tables from score files, which `macbdf test` and "
        "`macbdf import-scores` write. Neither the model nor torch is needed."
    )
    parser.add_argument("scores", metavar="SCORES.jsonl", nargs="+")
    parser.add_argument(
        "--missing",
        choices=("exclude", "as-real", "as-fake"),
        default="exclude",
        help="clips without a score are left out (default), or count as called real or fake",
    )
    parser.add_argument(
        "--by", nargs="+", default=[], metavar="COLUMN", help="also by these columns"
    )
    parser.add_argument(
        "--num-resamples", type=int, default=1000, help="of the intervals (default: 1000)"
    )
    parser.add_argument("--out", help="folder for the tables as JSON and Markdown, and plots")
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()

    from macbdf_mm.apis.wrong_inputs import WrongInputs
    from macbdf_mm.evaluation.score_file import check_present
    from macbdf_mm.utils.files import check_writable

    folders = _folders(arguments.scores, Path(arguments.out)) if arguments.out else {}
    wrong = WrongInputs()
    for path in arguments.scores:
        with wrong.noted():
            check_present(path)
    for folder in folders.values():
        with wrong.noted():
            check_writable(folder / "tables.json")
    wrong.refuse()
    for path in arguments.scores:
        # What one file took is free before the next is read.
        _print_tables(path, folders.get(path), arguments)


def _folders(scores: Sequence[str], out: Path) -> dict[str, Path]:
    """Return where the tables of each score file go."""
    if len(set(scores)) == 1:
        return dict.fromkeys(scores, out)
    stems = [Path(path).stem for path in scores]
    if len(set(stems)) == len(set(scores)):
        return {path: out / stem for path, stem in zip(scores, stems, strict=True)}
    # Runs call their score files alike.
    return {path: out / re.sub(r"\W+", "-", str(Path(path).with_suffix(""))) for path in scores}


def _print_tables(path: str, folder: Path | None, arguments: argparse.Namespace) -> None:
    from macbdf_mm.evaluation.score_file import read_scores
    from macbdf_mm.reports.score_tables import score_tables
    from macbdf_mm.reports.show_results import show_results
    from macbdf_mm.utils.files import write_atomically, write_json

    scores = read_scores(path)
    tables = score_tables(scores, arguments.missing, arguments.by, arguments.num_resamples)
    print(f"{path}\n\n{tables.to_text()}\n")
    if folder is not None:
        written = [folder / "tables.json", folder / "tables.md"]
        write_json({**tables.to_json(), "origin": dict(scores.origin)}, written[0])
        write_atomically(tables.to_markdown(), written[1])
        shown = show_results(scores, tables, folder, arguments.missing)
        print(*written, *shown, sep="\n")
