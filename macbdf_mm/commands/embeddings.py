"""Map the embeddings that a detector gives to a test set, by category, as a page."""

import argparse
from pathlib import Path

from macbdf_mm.apis.command_line import add_config_arguments, load_config
from macbdf_mm.apis.release import is_release, weights_file


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Map the contrastive embeddings x_v and x_a and the fused vectors of a test "
        "set by t-SNE, by category (Figure 4), with the silhouette and the 5-NN accuracy. One "
        "page, which opens offline."
    )
    add_config_arguments(parser, or_release=True)
    parser.add_argument(
        "checkpoint", nargs="?", metavar="CHECKPOINT", help="the weights; a release has its own"
    )
    parser.add_argument(
        "--split", metavar="NAME", help="another split of the annotation (default: the test set's)"
    )
    parser.add_argument("--device", default="cpu", help="such as cuda:0 (default: %(default)s)")
    parser.add_argument(
        "--num-workers", type=int, default=0, metavar="N", help="that load (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        metavar="PAGE.html",
        help="the page to write (default: work_dirs/CONFIG/embeddings.html)",
    )
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="load a checkpoint that holds more than weights; it can run any code",
    )
    # Intermixed: options may stand between the two words.
    arguments = parser.parse_intermixed_args()
    if arguments.checkpoint is None and is_release(arguments.config):
        arguments.checkpoint = arguments.config
    if arguments.checkpoint is None:
        parser.error("the following arguments are required: CHECKPOINT")
    arguments.checkpoint = weights_file(arguments.checkpoint)
    return arguments


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    cfg = load_config(arguments.config, arguments.cfg_options)

    # Imported late: a wrong flag or config is answered before torch is loaded.
    from macbdf_mm.apis.build_dataset import build_dataset
    from macbdf_mm.apis.embed_clips import embed_clips
    from macbdf_mm.apis.load_model import build_model, check_device, load_checkpoint, load_weights
    from macbdf_mm.reports.embedding_page import write_embedding_page
    from macbdf_mm.utils.files import check_writable

    name = Path(arguments.config).stem
    out = Path(arguments.out or Path("work_dirs", name, "embeddings.html"))
    check_writable(out)
    check_device(arguments.device)
    checkpoint = load_checkpoint(arguments.checkpoint, allow_pickle=arguments.allow_pickle)
    model = build_model(cfg)
    load_weights(model, checkpoint["state_dict"], str(arguments.checkpoint))
    changes = {"on_decode_error": "skip"}
    if arguments.split is not None:
        changes["split"] = arguments.split
    dataset = build_dataset(cfg, "test", changes)
    found = embed_clips(model.to(arguments.device), dataset, num_workers=arguments.num_workers)
    if found.left_out:
        print(found.left_out_text())
    print(write_embedding_page(found, f"Embeddings of {name}", str(arguments.checkpoint), out))
