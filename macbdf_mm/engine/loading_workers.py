"""Loading workers that cannot hand over what they have loaded."""

import os
import re
import resource
import shutil
import sys
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from torch.utils.data import get_worker_info

_SHARED_MEMORY = Path("/dev/shm")
# What PyTorch says of workers that are gone, and of memory and descriptors that have run out.
_LOST = re.compile(
    r"DataLoader worker \(pid|DataLoader timed out|items of ancdata|shared memory|</torch_\d+"
)
_report_and_go_on = Queue._on_queue_feeder_error  # type: ignore[attr-defined]


def end_instead_of_losing_batches() -> None:
    """Have loading workers that are started from now on end where they cannot hand over a batch.

    Python's queues print such an error and drop the batch, for which PyTorch waits for ever. It
    happens where shared memory or file descriptors have run out. Workers that are not forked
    (``mp_start_method='spawn'``) do not learn of it; for those, loaders have ``timeout``.
    """
    Queue._on_queue_feeder_error = staticmethod(_on_error)  # type: ignore[attr-defined]


def explain_lost_batch(message: str) -> str | None:
    """Return the sentence for an error of PyTorch's loader, None if the message is another."""
    if _LOST.search(message) is None:
        return None
    known = message.partition(" Details are lost")[0].rstrip(".")
    megabytes = shutil.disk_usage(_SHARED_MEMORY).total / 1e6 if _SHARED_MEMORY.is_dir() else 0
    num_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        f"A loading worker did not hand over its batch ({known}): {_SHARED_MEMORY} has "
        f"{megabytes:.0f} MB, which --shm-size of Docker raises (docs/install.md says how much is "
        f"needed), and a process may open {num_files} files, which `ulimit -n` raises; or lower "
        "`num_workers`. If neither is short, memory is, or a file takes longer than `timeout`."
    )


def _on_error(error: Exception, batch: Any) -> None:
    if get_worker_info() is None:
        _report_and_go_on(error, batch)
        return
    reason = " ".join(str(error).split())
    print(f"A loading worker cannot hand over a batch: {reason}", file=sys.stderr, flush=True)
    os._exit(1)  # Of a thread: `sys.exit` would end that alone.
