"""Test a detector on the test set of its config."""

import argparse
import os
from pathlib import Path

from macbdf_mm.apis.command_line import (
    add_config_arguments,
    add_launcher_arguments,
    load_config,
)
from macbdf_mm.apis.release import is_release, weights_file
from macbdf_mm.utils.engine_arguments import add_shard_argument
from macbdf_mm.utils.shard import WHOLE


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Test a detector and print its figures. The same command goes on where it was "
        "stopped."
    )
    add_config_arguments(parser, or_release=True)
    parser.add_argument(
        "checkpoint",
        nargs="?",
        help="the weights (default: those of the release, or the best ones of the work folder)",
    )
    parser.add_argument("--work-dir", help="folder of the run (default: work_dirs/<config name>)")
    parser.add_argument("--dump", metavar="FILE.pkl", help="pickle the predicted data samples")
    parser.add_argument(
        "--show-dir", help="folder for a table of all videos and ROC curves of the three scores"
    )
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="load a checkpoint that holds more than weights; it can run any code",
    )
    add_shard_argument(parser)
    add_launcher_arguments(parser)
    arguments = parser.parse_args()
    if arguments.shard != WHOLE and (arguments.dump or arguments.show_dir):
        parser.error("--dump and --show-dir need the whole test, not a --shard of it")
    return arguments


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    os.environ.setdefault("LOCAL_RANK", str(arguments.local_rank))
    cfg = load_config(arguments.config, arguments.cfg_options)

    # Imported late: a wrong flag or config is answered before torch is loaded.
    from mmengine.dist import is_main_process

    from macbdf_mm.apis import evaluate_model as evaluation
    from macbdf_mm.apis.check_settings import check_settings
    from macbdf_mm.apis.find_run import find_run
    from macbdf_mm.engine import run_options
    from macbdf_mm.engine.distributed import prepare_launcher
    from macbdf_mm.evaluation.score_file import read_scores
    from macbdf_mm.reports.score_tables import score_tables
    from macbdf_mm.utils.files import check_writable

    check_settings(cfg)  # Before the flags change it.
    release = Path(arguments.config).resolve() if is_release(arguments.config) else None
    work_dir = run_options.set_work_dir(cfg, release or cfg.filename, arguments.work_dir)
    checkpoint = weights_file(
        arguments.checkpoint or (arguments.config if release else find_run(work_dir).checkpoint)
    )
    scores_file = work_dir / evaluation.SCORES_FILE
    evaluation.write_scores_to(cfg, scores_file)
    if arguments.dump:
        evaluation.dump_predictions_to(cfg, arguments.dump)
        check_writable(arguments.dump)
    prepare_launcher(cfg, arguments.launcher)
    evaluation.evaluate_model(
        cfg, checkpoint, allow_pickle=arguments.allow_pickle, shard=arguments.shard
    )
    if is_main_process() and arguments.shard != WHOLE:
        print(f"Part {arguments.shard} is done; a run without --shard puts all parts together.")
    elif is_main_process():
        scores = read_scores(scores_file)
        tables = score_tables(scores)
        print(f"\n{checkpoint}\n\n{tables.to_text()}\n\n{scores_file}")
        if arguments.show_dir:
            from macbdf_mm.reports.show_results import show_results

            print(*show_results(scores, tables, arguments.show_dir), sep="\n")
