"""Audit a data set: counts, files that do not decode, leaks between splits, and shortcuts."""

import argparse
from pathlib import Path

from macbdf_mm.utils.engine_arguments import add_engine_arguments, engine_from


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Audit a data set: counts, files that do not decode, people and recordings in "
        "two parts, and properties of the files that tell real from fake.",
        epilog="Writes index.html, a page to look at, and audit.json into the folder of --out; a "
        "run that was stopped resumes from journal.jsonl there.",
    )
    parser.add_argument("annotation", metavar="ANN.json", help="annotation of the data set")
    parser.add_argument(
        "--data-root", help="folder of its files (default: the folder of the annotation)"
    )
    parser.add_argument("--out", help="folder to write (default: ANN.audit beside the annotation)")
    parser.add_argument(
        "--max-seconds", type=float, help="decode no further into each file (default: to its end)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the folds (default: %(default)s)")
    add_engine_arguments(parser, time_limit_seconds=300.0)
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()

    # Imported late: a wrong argument is answered at once.
    from macbdf_mm.prepare.audit.audit import audit_dataset
    from macbdf_mm.utils.progress import ProgressLine

    annotation = Path(arguments.annotation)
    out_dir = Path(arguments.out or annotation.with_suffix(".audit"))
    audit = audit_dataset(
        annotation,
        arguments.data_root or annotation.parent,
        out_dir,
        engine_from(arguments),
        ProgressLine("done"),
        arguments.max_seconds,
        arguments.seed,
        arguments.shard,
    )
    if audit is None:
        print(f"Part {arguments.shard} is done; a run without --shard puts all parts together.")
        return
    print(audit.describe())

    # Later still: it loads torch, which is slow, and large beside the processes that decode.
    from macbdf_mm.reports.audit_page import write_audit_page

    print(write_audit_page(audit, out_dir))
