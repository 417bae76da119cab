"""Train a detector."""

import argparse
import os

from macbdf_mm.apis.command_line import (
    add_config_arguments,
    add_launcher_arguments,
    load_config,
)


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="Train a detector.")
    add_config_arguments(parser)
    parser.add_argument("--work-dir", help="folder of the run (default: work_dirs/<config name>)")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="go on from a checkpoint; without a path, from the last one of the work folder",
    )
    parser.add_argument(
        "--amp",
        action=argparse.BooleanOptionalAction,
        help="train in mixed precision (GPU), or in float32 (default: as the config says)",
    )
    parser.add_argument("--no-validate", action="store_true", help="train without validation")
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="scale the learning rate by the clips of an update, accumulated ones too",
    )
    parser.add_argument("--seed", type=int, help="seed of the run (default: the config's)")
    parser.add_argument(
        "--deterministic", action="store_true", help="use deterministic kernels only"
    )
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="load checkpoints that hold more than weights; they can run any code",
    )
    add_launcher_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    os.environ.setdefault("LOCAL_RANK", str(arguments.local_rank))
    cfg = load_config(arguments.config, arguments.cfg_options)

    # Imported late: a wrong flag or config is answered before torch is loaded.
    from macbdf_mm.apis.check_settings import check_settings
    from macbdf_mm.apis.train_model import rank_line, train_model
    from macbdf_mm.engine import run_options
    from macbdf_mm.engine.distributed import prepare_launcher

    check_settings(cfg)  # Before the flags change it.
    run_options.set_work_dir(cfg, cfg.filename, arguments.work_dir)
    run_options.set_resume(cfg, arguments.resume)
    run_options.set_seed(cfg, arguments.seed, arguments.deterministic)
    if arguments.no_validate:
        run_options.skip_validation(cfg)
    if arguments.auto_scale_lr:
        run_options.scale_learning_rate(cfg)
    if arguments.amp:
        run_options.use_mixed_precision(cfg)
    elif arguments.amp is False:
        run_options.use_full_precision(cfg)
    prepare_launcher(cfg, arguments.launcher)
    model = train_model(cfg, allow_pickle=arguments.allow_pickle)
    print(rank_line(model), flush=True)
