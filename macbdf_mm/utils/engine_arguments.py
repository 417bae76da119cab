"""Arguments of every command that works on many files: where, on how much, how long."""

import argparse
import os

from macbdf_mm.errors import ArgumentError
from macbdf_mm.utils.jobs import Engine
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.shard import WHOLE, Shard


def add_engine_arguments(
    parser: argparse.ArgumentParser,
    *,
    time_limit_seconds: float | None = None,
    num_workers: int | None = None,
) -> None:
    """Add ``--num-workers``, ``--time-limit``, ``--shard``, ``--engine`` and its options.

    Args:
        parser: Of a command.
        time_limit_seconds: The time limit of one job by default; None for any time.
        num_workers: How many processes of this machine by default; None for one a core.
    """
    parser.set_defaults(default_num_workers=num_workers, default_time_limit=time_limit_seconds)
    group = parser.add_argument_group("where the work is done")
    group.add_argument(
        "--num-workers",
        "--workers",
        type=int,
        metavar="N",
        help="processes; 0 works in this one, without a time limit "
        f"(default: {num_workers or 'one a core'}; one a core of the cluster with ray)",
    )
    limit = "none" if time_limit_seconds is None else f"{time_limit_seconds:g}"
    group.add_argument(
        "--time-limit",
        type=_seconds,
        metavar="SECONDS",
        help=f"of one file, after which its process is stopped; 0 for none (default: {limit})",
    )
    add_shard_argument(group)
    group.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="processes of this machine, or of a Ray cluster (default: %(default)s)",
    )
    group.add_argument(
        "--address", help="of a running Ray cluster, such as auto (default: one on this machine)"
    )
    group.add_argument(
        "--gpus-per-worker", type=float, default=0.0, metavar="N", help="of each process of Ray"
    )


def add_shard_argument(parser: argparse._ActionsContainer) -> None:
    """Add ``--shard`` to a parser, or to a group of its arguments."""
    parser.add_argument(
        "--shard",
        type=_shard,
        default=WHOLE,
        metavar="I/N",
        help="do part I of N, as a job array does; a run without it then puts all together",
    )


def engine_from(arguments: argparse.Namespace) -> Engine:
    """Return the engine that the arguments of :func:`add_engine_arguments` describe.

    Raises:
        ValueError: If they do not fit together.
        MissingBackendError: If Ray is asked for and not installed.
    """
    limit = arguments.time_limit
    if limit is None and arguments.num_workers != 0:
        limit = arguments.default_time_limit
    limit = limit or None
    if arguments.engine == "ray":
        # Imported here: Ray is an extra.
        from macbdf_mm.utils.ray_engine import RayEngine

        return RayEngine(
            arguments.num_workers,
            limit,
            address=arguments.address,
            gpus_per_worker=arguments.gpus_per_worker,
        )
    if arguments.address is not None or arguments.gpus_per_worker:
        raise ArgumentError(
            "Expected `--address` and `--gpus-per-worker` with `--engine ray` only."
        )
    num_workers = arguments.num_workers
    if num_workers is None:
        num_workers = arguments.default_num_workers or len(os.sched_getaffinity(0))
    return LocalEngine(num_workers, limit)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds >= 0, got {text!r}")
    return seconds


def _shard(text: str) -> Shard:
    try:
        return Shard.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error
