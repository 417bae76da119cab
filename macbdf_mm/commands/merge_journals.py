"""Make one file of a journal that several machines have written."""

import argparse


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Make one file of a journal that several machines have written, with the "
        "newest result of each file.",
        epilog="Not needed where all machines share the folder: a run without --shard reads the "
        "files of all shards.",
    )
    parser.add_argument("journal", metavar="JOURNAL.jsonl", help="the one file; may be new")
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="MORE.jsonl",
        help="files from other machines, which stay; JOURNAL.I-of-N.jsonl beside it are found, and "
        "deleted when they are in it",
    )
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    # Imported late: a wrong argument is answered at once.
    from macbdf_mm.utils.journal import merge_journals

    number = merge_journals(arguments.journal, arguments.sources)
    print(f"{arguments.journal} holds {number} results.")
