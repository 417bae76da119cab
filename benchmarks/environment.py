"""What the figures of a run depend on beside the code."""

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

_CPU_INFO = Path("/proc/cpuinfo")


def describe_environment(num_threads: int) -> dict[str, str]:
    """Return processor, load, GPU, versions, date and command of a run, as text.

    Args:
        num_threads: Threads that the CPU's figures are measured with.
    """
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
    clock = "process CPU time" if num_threads == 1 else "wall time"
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "Command": " ".join(["python", *sys.argv]),
        "Processor": f"{_processor_name()}, {os.cpu_count()} cores, "
        f"{torch.backends.cpu.get_cpu_capability()}",
        "Load at the start": load,
        "Threads": f"{num_threads}, {clock}",
        "GPU": ", ".join(gpus) or "none",
        "Versions": f"Python {platform.python_version()}, torch {torch.__version__}",
    }


def _processor_name() -> str:
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "not known"
