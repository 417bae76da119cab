"""Loading workers that cannot hand over what they have loaded."""

import os
import re
import resource
import shutil
import sys
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from torch.utils.data import dataloader, get_worker_info

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


def explain_lost_batch(error: BaseException) -> str | None:
    """Return the sentence for an error of PyTorch's loader, None if it is another error."""
    message = " ".join(str(error).split())
    if _LOST.search(message) is None and not _came_while_receiving(error):
        return None
    known = message.partition(" Details are lost")[0].rstrip(".") or type(error).__name__
    megabytes = shutil.disk_usage(_SHARED_MEMORY).total / 1e6 if _SHARED_MEMORY.is_dir() else 0
    num_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        f"A loading worker did not hand over its batch ({known}): {_SHARED_MEMORY} has "
        f"{megabytes:.0f} MB, which --shm-size of Docker raises (docs/install.md says how much is "
        f"needed), and a process may open {num_files} files, which `ulimit -n` raises; or lower "
        "`num_workers`. If neither is short, memory is, or a file takes longer than `timeout`."
    )


def _came_while_receiving(error: BaseException) -> bool:
    """Return whether an error came from the connection to a worker, and not out of the worker."""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_name == "_try_get_data" and code.co_filename == dataloader.__file__:
            return True
        trace = trace.tb_next
    return False


def _on_error(error: Exception, batch: Any) -> None:
    if get_worker_info() is None:
        _report_and_go_on(error, batch)
        return
    reason = " ".join(str(error).split())
    # At once: other workers, and their threads, write too.
    os.write(sys.stderr.fileno(), f"A loading worker cannot hand over a batch: {reason}\n".encode())
    os._exit(1)  # Of a thread: `sys.exit` would end that alone.
