"""How much memory a call needs at its peak, over what was there before it."""

import ctypes
import gc
import re
import sys
from pathlib import Path

import torch

from benchmarks.clock import Call
from benchmarks.not_measured import NotMeasuredError

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
# Resets the high-water mark of the resident memory, see proc_pid_clear_refs(5).
_RESET_PEAK = "5"


def peak_bytes(call: Call, device: torch.device) -> int:
    """Return the peak memory of one call above the memory in use before it, in bytes.

    On a GPU this is what the allocator gave out. On the CPU it is the resident memory of the
    process, which includes the scratch memory of libraries that PyTorch does not count.

    Args:
        call: What to run once; run it before, so that its caches are filled.
        device: Where it computes.

    Raises:
        NotMeasuredError: On a CPU whose system does not tell (any but Linux).
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    if not (sys.platform == "linux" and _CLEAR_REFS.exists()):
        raise NotMeasuredError("only Linux tells the peak of the resident memory")
    # What the allocator keeps of earlier calls would hide what this one needs.
    ctypes.CDLL(None).malloc_trim(0)
    _CLEAR_REFS.write_text(_RESET_PEAK)
    before = _status_bytes("VmRSS")
    call()
    return _status_bytes("VmHWM") - before


def _status_bytes(field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    if match is None:
        raise NotMeasuredError(f"{_STATUS} does not state {field}")
    return int(match[1]) * 1024
