"""The peak memory of a process so far. Importing this does not import PyTorch."""

import re
from pathlib import Path


def peak_so_far_bytes(path: str) -> int:
    """Return the peak of the resident memory of this process since it began, in bytes.

    Args:
        path: Not used; a decoding process calls functions of files.

    Raises:
        OSError: On systems that do not tell (any but Linux).
    """
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) * 1024
