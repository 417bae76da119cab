"""Make a release folder of trained weights, or a file that other programs can run."""

import argparse

from macbdf_mm.apis.command_line import ConfigOptions
from macbdf_mm.registered_parts import make_parser
from macbdf_mm.registry import EXPORTERS


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = make_parser(
        EXPORTERS,
        description="Make a release folder of trained weights: safetensors, config, thresholds and "
        "calibration, a model card and digests. `macbdf predict --checkpoint RELEASE` and the "
        "other commands take it in place of config and checkpoint. With --format, one file instead "
        "that other programs can run.",
    )
    parser.add_argument(
        "run",
        metavar="RUN",
        help="the folder of a training run, whose best weights are taken, or a checkpoint; or a "
        "config, with the checkpoint behind it",
    )
    parser.add_argument("checkpoint", nargs="?", metavar="CHECKPOINT", help="the weights")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=ConfigOptions,
        metavar="KEY=VALUE",
        help="override entries of the config",
    )
    parser.add_argument("--out", required=True, help="the folder, or with --format the file")
    parser.add_argument(
        "--half",
        action="store_true",
        help="store the release's parameters in float16; they are computed with in float32",
    )
    parser.add_argument(
        "--onnx", action="store_true", help="put the detector into the release as ONNX, too"
    )
    parser.add_argument(
        "--format", metavar="NAME", help="one of those below: write this file instead of a release"
    )
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="load a checkpoint that holds more than weights; it can run any code",
    )
    # Intermixed: options may stand between the two words.
    arguments = parser.parse_intermixed_args()
    if arguments.format and (arguments.half or arguments.onnx):
        parser.error("--half and --onnx are for a release, so expected no --format")
    return arguments


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()

    # Imported late: a wrong flag is answered before torch is loaded.
    from macbdf_mm.apis.command_line import merge_options
    from macbdf_mm.apis.export_model import export_model
    from macbdf_mm.apis.find_run import choose_run, named_run
    from macbdf_mm.apis.write_release import write_release

    if arguments.checkpoint is not None:
        run = choose_run(arguments.run, arguments.checkpoint)
    else:
        run = named_run(arguments.run)
    allow_pickle = arguments.allow_pickle
    cfg = merge_options(run.read_config(allow_pickle=allow_pickle), arguments.cfg_options)
    if arguments.format:
        written = export_model(
            cfg, run.checkpoint, arguments.format, arguments.out, allow_pickle=allow_pickle
        )
    else:
        written = write_release(
            cfg,
            run.checkpoint,
            arguments.out,
            half=arguments.half,
            onnx=arguments.onnx,
            allow_pickle=allow_pickle,
        )
    print(written)
