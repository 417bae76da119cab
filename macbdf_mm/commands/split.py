"""Divide an annotation into training, validation and test."""

import argparse

from macbdf_mm.registered_parts import given_options, known_parts, make_parser
from macbdf_mm.registry import SPLIT_PROTOCOLS


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = make_parser(
        SPLIT_PROTOCOLS,
        description="Divide an annotation into training, validation and test. By default as "
        "published where there is such a split, else disjoint in identities and sources.",
    )
    parser.add_argument("annotation", metavar="IN.json", help="annotation to divide")
    parser.add_argument("out", metavar="OUT.json", help="annotation to write; may be the same")
    parser.add_argument(
        "--protocol",
        choices=("auto", *known_parts(SPLIT_PROTOCOLS)),
        default="auto",
        help="one of those below, or auto: official if there is one, else disjoint (default)",
    )
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()

    # Imported late, so that --help answers at once.
    from macbdf_mm.prepare.splits import make_splits

    for summary in make_splits(
        arguments.annotation,
        arguments.out,
        arguments.protocol,
        arguments.seed,
        given_options(SPLIT_PROTOCOLS, arguments),
    ):
        print(summary.describe())
