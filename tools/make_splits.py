"""Divide an annotation into training, validation and test."""

import argparse
import sys

from macbdf_mm.apis.command_line import run_command

PROTOCOLS = ("auto", "official", "disjoint", "k-fold", "paper-80-20")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Divide an annotation into training, validation and test. By default as "
        "published where there is such a split, else disjoint in identities and sources.",
    )
    parser.add_argument("annotation", metavar="IN.json", help="annotation to divide")
    parser.add_argument("out", metavar="OUT.json", help="annotation to write; may be the same")
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default="auto",
        help="official: as published; disjoint: no identity and no source in two parts; k-fold: "
        "disjoint, one annotation a fold; paper-80-20: at random by clip, which leaks, for "
        "comparing with the paper (default: official if there is one, else disjoint)",
    )
    parser.add_argument(
        "--shares",
        nargs="+",
        type=share,
        metavar="PART=SHARE",
        help="disjoint: shares of the clips (default: train=0.7 val=0.1 test=0.2)",
    )
    parser.add_argument(
        "--carve",
        nargs="+",
        type=share,
        metavar="PART=SHARE",
        help="official: make missing parts of a share of train, such as val=0.1",
    )
    parser.add_argument("--folds", type=int, default=5, help="k-fold: how many (default: 5)")
    parser.add_argument("--fold", type=int, help="k-fold: only the one that tests this fold")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    return parser.parse_args()


def share(text: str) -> tuple[str, float]:
    part, _, value = text.partition("=")
    try:
        return part, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected PART=SHARE, got {text!r}") from None


def main() -> None:
    arguments = parse_arguments()

    # Imported late, so that --help answers at once.
    from macbdf_mm.prepare.splits import SplitOptions, make_splits

    options = SplitOptions(
        protocol=arguments.protocol,
        shares=dict(arguments.shares) if arguments.shares else None,
        carve=dict(arguments.carve) if arguments.carve else None,
        num_folds=arguments.folds,
        fold=arguments.fold,
        seed=arguments.seed,
    )
    for summary in make_splits(arguments.annotation, arguments.out, options):
        print(summary.describe())


if __name__ == "__main__":
    sys.exit(run_command(main))
