"""Processor time that includes the child process which decodes. Free of PyTorch."""

import time
from collections.abc import Callable

from macbdf_mm.media.decoding_process import DecodingProcess


def process_seconds(path: str) -> float:
    """Return the processor time that this process has used, in seconds; asked of the child.

    Args:
        path: Not used; a decoding process calls functions of files.
    """
    return time.process_time()


def clock_with(process: DecodingProcess) -> Callable[[Callable[[], object]], float]:
    """Return the function that times a call in seconds of this process and of a child."""

    def both() -> float:
        return time.process_time() + process.call(process_seconds, "")

    def clock(call: Callable[[], object]) -> float:
        begin = both()
        call()
        return both() - begin

    return clock
