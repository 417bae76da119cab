"""Score videos: is anything in them forged, and where."""

import argparse
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from macbdf_mm.utils.engine_arguments import add_engine_arguments, engine_from
from macbdf_mm.utils.files import check_writable
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.shard import WHOLE


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Score videos: is anything in them forged, and where. Without --config and "
        "--checkpoint the newest demo run is used.",
        epilog="Exit code: 0 if every file was scored, 1 if one was not or nothing could be done.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="videos, or folders of them")
    parser.add_argument(
        "--config",
        help="config of the model; it is code and is run (default: the one saved as plain values "
        "beside the checkpoint or in it)",
    )
    parser.add_argument("--checkpoint", help="trained weights")
    parser.add_argument("--json", metavar="OUT", help="write all results to this file")
    parser.add_argument(
        "--jsonl",
        metavar="OUT",
        help="write each result to this file as a line of JSON as soon as it is there",
    )
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        help="take over what a stopped run with the same --json, and its shards, have scored "
        "(default: yes)",
    )
    parser.add_argument("--device", help="such as cpu or cuda:0 (default: a GPU if there is one)")
    parser.add_argument(
        "--batch-size",
        type=_positive(int),
        default=8,
        help="windows computed together (default: 8)",
    )
    parser.add_argument(
        "--window-stride",
        type=_positive(float),
        metavar="SECONDS",
        help="from the start of a window to the next (default: as in the test)",
    )
    parser.add_argument("--amp", action="store_true", help="compute in half precision (GPU)")
    parser.add_argument(
        "--allow-partial",
        action="store_true",
        help="score what is there of files that were cut short, or on which the decoder was "
        "stopped in some windows",
    )
    parser.add_argument(
        "--decode-time-limit",
        type=_positive(float),
        default=60.0,
        metavar="SECONDS",
        help="how long the decoder may take for one window before it is stopped (default: 60)",
    )
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="load a checkpoint that holds more than weights; it can run any code",
    )
    add_engine_arguments(parser, num_workers=1)
    arguments = parser.parse_args()
    if arguments.json is None and (arguments.resume or arguments.shard != WHOLE):
        parser.error("--resume and --shard need --json OUT, beside which the scores are kept")
    return arguments


def main() -> int:
    """Run the command."""
    arguments = parse_arguments()

    # Imported late: a wrong flag is answered before torch is loaded.
    from macbdf_mm.apis.describe_prediction import describe, outcome_of, summarise
    from macbdf_mm.apis.find_run import choose_run
    from macbdf_mm.apis.prediction import json_line
    from macbdf_mm.apis.score_files import FileScorer, score_files

    for out in filter(None, (arguments.json, arguments.jsonl)):
        check_writable(out)  # Before the model is loaded.
    run = choose_run(arguments.config, arguments.checkpoint)
    engine = engine_from(arguments)
    is_here = isinstance(engine, LocalEngine) and engine.works_here
    scorer = FileScorer(
        run.read_config(allow_pickle=arguments.allow_pickle),
        run.checkpoint,
        loading={
            "device": arguments.device,
            "show_progress": is_here,
            "allow_pickle": arguments.allow_pickle,
            "amp": arguments.amp,
            "decode_time_limit_seconds": arguments.decode_time_limit,
        },
        scoring={
            "batch_size": arguments.batch_size,
            "stride_seconds": arguments.window_stride,
            "allow_partial": arguments.allow_partial,
        },
    )
    if is_here:
        scorer.start()
    _, caveats = scorer.thresholds_and_caveats
    print(f"Using {run.checkpoint}")
    counts: Counter[str] = Counter()
    is_complete = True
    with open(arguments.jsonl, "wb") if arguments.jsonl else nullcontext() as lines:

        def tell(prediction: dict[str, Any]) -> None:
            nonlocal is_complete
            counts[outcome_of(prediction)] += 1
            is_complete &= prediction["status"] == "ok"
            print(describe(prediction), flush=True)
            if lines is not None:
                lines.write(json_line(prediction))
                lines.flush()  # What stops the command leaves whole lines.

        score_files(
            scorer,
            arguments.files,
            engine,
            tell,
            out=arguments.json or None,
            shard=arguments.shard,
            resume=arguments.resume is not False,
        )
    print(summarise(counts, caveats))
    return 0 if is_complete else 1


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"expected a number > 0, got {text}")
        return value

    parse.__name__ = kind.__name__
    return parse
