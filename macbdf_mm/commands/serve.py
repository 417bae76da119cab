"""Serve a page on which one drops a video, and scores over HTTP."""

import argparse
import importlib.util

from macbdf_mm.apis.command_line import positive
from macbdf_mm.errors import MissingBackendError

_PACKAGES = {"fastapi": "fastapi", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description="Serve a page on which one drops a video and gets a report on it, and scores "
        "as JSON (POST /predict). Without RUN the newest demo run is used. Files are deleted as "
        "soon as they are scored.",
        epilog="Ends with Ctrl-C (exit code 130) or SIGTERM (0). On an address that other machines "
        "reach, a token is demanded: MACBDF_SERVE_TOKEN or --token-file.",
    )
    parser.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="the folder of a training run, whose best weights are taken, a release folder, or a "
        "checkpoint",
    )
    parser.add_argument(
        "--config",
        help="config of a checkpoint; it is code and is run (default: the one saved as plain "
        "values beside the checkpoint or in it)",
    )
    where = parser.add_argument_group("where it listens, and to whom")
    where.add_argument(
        "--host", default="127.0.0.1", help="address (default: %(default)s, this machine alone)"
    )
    where.add_argument(
        "--port", type=int, default=8000, help="0 takes a free one (default: %(default)s)"
    )
    where.add_argument(
        "--token-file", metavar="FILE", help="holds the token that every request has to show"
    )
    where.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which browsers reach the server, beside localhost and addresses; can be "
        "given several times",
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--max-megabytes",
        type=positive(float),
        default=512.0,
        metavar="MB",
        help="of one file (default: %(default)g)",
    )
    limits.add_argument(
        "--max-seconds",
        type=positive(float),
        default=600.0,
        metavar="SECONDS",
        help="length of one video (default: %(default)g)",
    )
    limits.add_argument(
        "--queue",
        type=int,
        default=4,
        metavar="N",
        help="requests that may wait, beside one a process (default: %(default)s)",
    )
    limits.add_argument(
        "--upload-time-limit",
        type=positive(float),
        default=300.0,
        metavar="SECONDS",
        help="for a file to arrive (default: %(default)g)",
    )
    limits.add_argument(
        "--time-limit",
        type=positive(float),
        default=600.0,
        metavar="SECONDS",
        help="for computing one video (default: %(default)g)",
    )
    limits.add_argument(
        "--decode-time-limit",
        type=positive(float),
        default=60.0,
        metavar="SECONDS",
        help="how long the decoder may take for one window (default: %(default)g)",
    )
    computing = parser.add_argument_group("computing")
    computing.add_argument(
        "--num-workers",
        "--workers",
        type=positive(int),
        default=1,
        metavar="N",
        help="processes, each with its own model (default: %(default)s)",
    )
    computing.add_argument(
        "--device", help="such as cpu or cuda:0 (default: a GPU if there is one)"
    )
    computing.add_argument(
        "--batch-size",
        type=positive(int),
        default=8,
        help="windows computed together (default: %(default)s)",
    )
    computing.add_argument(
        "--amp", action="store_true", help="compute in half precision (bfloat16)"
    )
    computing.add_argument(
        "--allow-pickle",
        action="store_true",
        help="load a checkpoint that holds more than weights; it can run any code",
    )
    arguments = parser.parse_args()
    if arguments.config is not None and arguments.run is None:
        parser.error("--config needs RUN, the checkpoint that it is for")
    if arguments.queue < 0:
        parser.error(f"argument --queue: expected a number >= 0, got {arguments.queue}")
    return arguments


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    missing = [name for module, name in _PACKAGES.items() if not importlib.util.find_spec(module)]
    if missing:
        raise MissingBackendError(
            f"`macbdf serve` needs {', '.join(missing)}, which is not installed: "
            "pip install 'macbdf_mm[serve]'."
        )
    # Imported late: a wrong flag, and a port that is taken, are answered before torch is loaded.
    from macbdf_mm.serving.listen import is_local, open_socket
    from macbdf_mm.serving.settings import Settings, read_token, require_token

    token = read_token(arguments.token_file)
    settings = Settings(
        max_bytes=int(arguments.max_megabytes * 1e6),
        max_seconds=arguments.max_seconds,
        queue_length=arguments.queue,
        upload_seconds=arguments.upload_time_limit,
        time_limit_seconds=arguments.time_limit,
        num_workers=arguments.num_workers,
        token=token,
        allowed_hosts=tuple(name.lower() for name in arguments.allowed_host),
    )
    if not is_local(arguments.host):
        require_token(token, arguments.host)
    listener = open_socket(arguments.host, arguments.port)

    from macbdf_mm.apis.find_run import named_run
    from macbdf_mm.serving.server import serve
    from macbdf_mm.serving.upload_scorer import UploadScorer

    run = named_run(arguments.run, arguments.config)
    scorer = UploadScorer(
        settings.max_seconds,
        settings.num_workers,
        run.read_config(allow_pickle=arguments.allow_pickle),
        run.checkpoint,
        loading={
            "device": arguments.device,
            "show_progress": False,
            "allow_pickle": arguments.allow_pickle,
            "amp": arguments.amp,
            "decode_time_limit_seconds": arguments.decode_time_limit,
        },
        scoring={"batch_size": arguments.batch_size},
    )
    _, caveats = scorer.thresholds_and_caveats
    print(f"Using {run.checkpoint}", flush=True)
    serve(listener, scorer, caveats, settings)
