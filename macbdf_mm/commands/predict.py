"""Score videos: is anything in them forged, and where."""

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macbdf_mm.apis.command_line import ConfigOptions, positive
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.engine_arguments import add_engine_arguments, engine_from
from macbdf_mm.utils.files import check_writable
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.shard import WHOLE

if TYPE_CHECKING:
    from mmengine.config import Config

    from macbdf_mm.apis.find_run import Run

# Of files that are not there, where the model is not there either.
_NUM_NAMED_FILES = 3


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Score videos: is anything in them forged, and where. Without --config and "
        "--checkpoint the newest demo run is used.",
        epilog="Exit code: 0 if every file was scored; 1 if one was not, or nothing could be done; "
        "2 for wrong arguments; 130 after Ctrl-C.",
    )
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="videos, folders of them, or quoted patterns such as 'clips/**/*.mp4'",
    )
    parser.add_argument(
        "--files-from",
        action="append",
        default=[],
        metavar="LIST",
        help="more of them: a text file with one on each line, - for stdin, or an annotation.json; "
        "read as it is needed, so that it may be of any length",
    )
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
        help="write each result to this file as a line of JSON as soon as it is there; the same "
        "command goes on behind the lines that are there",
    )
    parser.add_argument(
        "--html",
        type=Path,
        metavar="DIR",
        help="write a page about each file into this folder, and an index of all",
    )
    parser.add_argument(
        "--video",
        type=Path,
        metavar="DIR",
        help="write a copy of each video with its scores drawn on it into this folder",
    )
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        help="take over what a stopped run with the same --json or --jsonl, and its shards, have "
        "scored (default: yes)",
    )
    parser.add_argument("--device", help="such as cpu or cuda:0 (default: a GPU if there is one)")
    parser.add_argument(
        "--batch-size",
        type=positive(int),
        default=8,
        help="windows computed together (default: 8)",
    )
    parser.add_argument(
        "--window-stride",
        type=positive(float),
        metavar="SECONDS",
        help="from the start of a window to the next (default: as in the test)",
    )
    parser.add_argument("--amp", action="store_true", help="compute in half precision (bfloat16)")
    parser.add_argument(
        "--runtime",
        choices=("pytorch", "onnx"),
        default="pytorch",
        help="what computes; onnx takes onnxruntime and a release with model.onnx (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--faces",
        choices=("auto", "crops", "whole-frame"),
        default="auto",
        help="what of the pictures is scored: each face if the model was trained on faces, else "
        "whole frames (auto, default); or one of the two, whatever it was trained on",
    )
    parser.add_argument(
        "--detector", help="registered class that finds faces (default: that of the training)"
    )
    parser.add_argument(
        "--detector-options",
        nargs="+",
        action=ConfigOptions,
        default={},
        metavar="KEY=VALUE",
        help="arguments of the --detector, such as device=cuda:0",
    )
    parser.add_argument(
        "--import",
        action="append",
        dest="imports",
        default=[],
        metavar="MODULE",
        help="module that registers a detector of your own",
    )
    parser.add_argument(
        "--allow-partial",
        action="store_true",
        help="score what is there of files that were cut short, or on which the decoder was "
        "stopped in some windows",
    )
    parser.add_argument(
        "--decode-time-limit",
        type=positive(float),
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
    if not (arguments.files or arguments.files_from):
        parser.error("expected a FILE to score, or --files-from LIST")
    if arguments.detector_options and not arguments.detector:
        parser.error("--detector-options need --detector NAME, such as MTCNNDetector")
    is_kept = arguments.json is not None or arguments.jsonl is not None
    if not is_kept and (arguments.resume or arguments.shard != WHOLE):
        parser.error("--resume and --shard need --json OUT or --jsonl OUT, which keep the scores")
    outputs = [os.path.realpath(out) for out in (arguments.json, arguments.jsonl) if out]
    if len(outputs) > len(set(outputs)):
        parser.error("--json and --jsonl name the same file; the list would replace the lines")
    return arguments


def main() -> int:
    """Run the command."""
    arguments = parse_arguments()

    # Imported late: a wrong flag is answered before torch is loaded.
    from macbdf_mm.apis.describe_prediction import describe, outcome_of, summarise
    from macbdf_mm.apis.file_reports import FileReports
    from macbdf_mm.apis.media_files import listed_paths
    from macbdf_mm.apis.prediction_lines import PredictionLines, lines_of
    from macbdf_mm.apis.score_files import FileScorer, score_files
    from macbdf_mm.reports.video_index import VideoIndex

    if arguments.json:  # Before the model is loaded.
        check_writable(arguments.json)
    if arguments.jsonl:
        check_writable(lines_of(arguments.jsonl, arguments.shard))
    reports = FileReports(
        html=arguments.html and arguments.html.absolute(),
        video=arguments.video and arguments.video.absolute(),
        decode_time_limit_seconds=arguments.decode_time_limit,
    )
    reports.check()
    run, config = _read_run(arguments)
    if arguments.html:
        reports = replace(reports, origin=_origin(run, arguments))
    detector = None
    if arguments.detector:
        detector = {"type": arguments.detector, **arguments.detector_options}
    engine = engine_from(arguments)
    is_here = isinstance(engine, LocalEngine) and engine.works_here
    scorer = FileScorer(
        config,
        run.checkpoint,
        loading={
            "device": arguments.device,
            "show_progress": is_here,
            "allow_pickle": arguments.allow_pickle,
            "amp": arguments.amp,
            "runtime": arguments.runtime,
            "decode_time_limit_seconds": arguments.decode_time_limit,
            "faces": arguments.faces,
            "detector": detector,
            "imports": tuple(arguments.imports),
        },
        scoring={
            "batch_size": arguments.batch_size,
            "stride_seconds": arguments.window_stride,
            "allow_partial": arguments.allow_partial,
        },
        reports=reports,
    )
    if is_here:
        scorer.start()
    _, caveats = scorer.thresholds_and_caveats
    resume = arguments.resume is not False
    with ExitStack() as stack:
        lines = None
        if arguments.jsonl:
            lines = stack.enter_context(
                PredictionLines(arguments.jsonl, scorer.settings, arguments.shard, resume=resume)
            )
        index = None
        if reports.html is not None:
            index = stack.enter_context(VideoIndex(reports.html, arguments.shard, caveats))
        print(f"Using {run.checkpoint}")
        counts: Counter[str] = Counter()
        is_complete = True

        def report(prediction: dict[str, Any]) -> None:
            reports.complete(prediction)
            if index is not None:
                index.add(prediction, *reports.links(prediction))

        def tell(prediction: dict[str, Any]) -> None:
            nonlocal is_complete
            counts[outcome_of(prediction)] += 1
            is_complete &= prediction["status"] == "ok"
            print(describe(prediction), flush=True)
            report(prediction)
            if lines is not None and not lines.take(prediction["file"]):
                lines.add(prediction)

        is_known = None
        if lines is not None and not arguments.json:  # Its list needs files with a line, too.
            is_known = lines.take
            counts += lines.counts
            is_complete = lines.are_all_ok
            if kept := lines.counts.total():
                print(f"{lines.path} has the scores of {counted(kept, 'file')} already.")
                if arguments.html or arguments.video:
                    for line in _lines(lines.path):
                        report(line)
        score_files(
            scorer,
            chain(arguments.files, listed_paths(arguments.files_from)),
            engine,
            tell,
            out=arguments.json or None,
            shard=arguments.shard,
            resume=resume,
            is_known=is_known,
        )
    print(summarise(counts, caveats))
    if index is not None:
        print(f"Pages: {index.path}")
    return 0 if is_complete else 1


def _origin(run: "Run", arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the pages say of the weights and the options."""
    from macbdf_mm.apis.file_reports import describe_origin
    from macbdf_mm.apis.load_model import load_checkpoint

    checkpoint = load_checkpoint(run.checkpoint, allow_pickle=arguments.allow_pickle)
    chosen = {
        "window stride": arguments.window_stride and f"{arguments.window_stride:g} s",
        "half precision": arguments.amp and "bfloat16",
        "incomplete files": arguments.allow_partial and "scored in part",
    }
    settings = {name: value for name, value in chosen.items() if value}
    return describe_origin(run.checkpoint, run.config, checkpoint.get("meta") or {}, settings)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from map(json.loads, file)


def _read_run(arguments: argparse.Namespace) -> "tuple[Run, Config]":
    """Return the model that is meant; without one, files that are missing are named before it."""
    from macbdf_mm.apis.find_run import choose_run
    from macbdf_mm.apis.media_files import check_is_there
    from macbdf_mm.apis.wrong_inputs import WrongInputs

    wrong = WrongInputs()
    with wrong.noted():
        run = choose_run(arguments.config, arguments.checkpoint)
        return run, run.read_config(allow_pickle=arguments.allow_pickle)
    files = WrongInputs()
    for name in arguments.files[:_NUM_NAMED_FILES]:
        with files.noted():
            check_is_there(name)
    with files.noted():
        wrong.refuse()
    files.refuse()
    raise AssertionError
