"""Evaluate a detector on several test sets: matrix, tables, probes for shortcuts, robustness."""

import argparse
from pathlib import Path

from macbdf_mm.apis.command_line import add_config_arguments, load_config
from macbdf_mm.apis.release import is_release, weights_file


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Score a detector on the test set of its config and on others, and write JSON, "
        "Markdown and a page. The same command goes on where it was stopped."
    )
    add_config_arguments(parser, or_release=True)
    parser.add_argument("checkpoint", nargs="?", help="the weights; a release has its own")
    parser.add_argument(
        "data",
        nargs="*",
        metavar="DATA",
        help="further test sets: an annotation, a folder with an annotation.json, or a config; "
        "DATA:SPLIT takes another split than the config's",
    )
    parser.add_argument(
        "--out",
        help="folder to write to (default: evaluation/ beside the weights, of a release "
        "work_dirs/NAME/evaluation)",
    )
    parser.add_argument(
        "--robustness",
        nargs="*",
        metavar="NAME",
        help="severity curves of these corruptions, without a name of all",
    )
    parser.add_argument(
        "--no-probes", action="store_true", help="mask no track, and probe for no shortcuts"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="only N clips of each data set, for a quick look"
    )
    parser.add_argument(
        "--missing",
        choices=("exclude", "as-real", "as-fake"),
        default="exclude",
        help="what clips without a score count as (default: exclude)",
    )
    parser.add_argument(
        "--by",
        nargs="+",
        default=(),
        metavar="COLUMN",
        help="further columns of the annotation to measure by, such as identity",
    )
    parser.add_argument("--num-resamples", type=int, default=1000, help="default: 1000")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--beside",
        nargs="+",
        default=(),
        metavar="FOLDER",
        help="evaluations of other detectors, to stand in the matrix as well",
    )
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="load a checkpoint that holds more than weights; it can run any code",
    )
    # Intermixed: options may stand between the optional words.
    arguments = parser.parse_intermixed_args()
    if is_release(arguments.config):
        # There is no checkpoint to name, so what stands in its place is a test set.
        arguments.data = [*filter(None, [arguments.checkpoint]), *arguments.data]
        arguments.checkpoint = arguments.config
    if arguments.checkpoint is None:
        parser.error("the following arguments are required: checkpoint")
    if is_release(arguments.checkpoint):
        # Nothing is added to a release.
        name = Path(arguments.checkpoint).resolve().name
        arguments.out = arguments.out or Path("work_dirs", name, "evaluation")
    arguments.checkpoint = weights_file(arguments.checkpoint)
    return arguments


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    cfg = load_config(arguments.config, arguments.cfg_options)

    # Imported late: a wrong flag or config is answered before torch is loaded.
    from macbdf_mm.apis.check_settings import check_settings
    from macbdf_mm.apis.evaluate_test_sets import EvaluationOptions, evaluate_test_sets

    check_settings(cfg)
    options = EvaluationOptions(
        robustness=arguments.robustness,
        has_probes=not arguments.no_probes,
        limit=arguments.limit,
        missing=arguments.missing,
        columns=arguments.by,
        num_resamples=arguments.num_resamples,
        seed=arguments.seed,
        beside=arguments.beside,
    )
    paths = evaluate_test_sets(
        cfg,
        arguments.checkpoint,
        arguments.data,
        arguments.out or Path(arguments.checkpoint).parent / "evaluation",
        options,
        allow_pickle=arguments.allow_pickle,
    )
    print(*paths, sep="\n")
