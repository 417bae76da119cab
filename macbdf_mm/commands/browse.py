"""Show what the pipeline of a config feeds the model, as a page."""

import argparse
from pathlib import Path

from macbdf_mm.apis.command_line import add_config_arguments, load_config


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Show clips as they come out of a pipeline of a config, after augmentation: "
        "frames, sound, labels of tracks and time steps, and the span. One page, which opens "
        "offline."
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--pipeline",
        choices=("train", "val", "test"),
        default="train",
        help="the data loader whose data set and pipeline are taken (default: %(default)s)",
    )
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="another split of the annotation (default: that of the pipeline's data set)",
    )
    parser.add_argument(
        "--num-clips", type=int, default=12, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the choice of clips and of the augmentation (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        metavar="PAGE.html",
        help="the page to write (default: work_dirs/CONFIG/browse_PIPELINE.html)",
    )
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    cfg = load_config(arguments.config, arguments.cfg_options)

    # Imported late: a wrong flag or config is answered before torch is loaded.
    from macbdf_mm.apis.browse_clips import browse_clips
    from macbdf_mm.reports.browse_page import unread_text, write_browse_page
    from macbdf_mm.utils.files import check_writable

    part = arguments.pipeline
    name = Path(arguments.config).stem
    out = Path(arguments.out or Path("work_dirs", name, f"browse_{part}.html"))
    check_writable(out)
    browsed = browse_clips(
        cfg, part, arguments.num_clips, split=arguments.split, seed=arguments.seed
    )
    if browsed.unread:
        print(unread_text(browsed))
    print(write_browse_page(browsed, f"Clips of {name}", out))
