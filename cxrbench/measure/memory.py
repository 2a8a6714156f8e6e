"""Peak memory of this process on the host."""

from __future__ import annotations

import resource
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_host_memory() -> int:
    """Largest resident set of this process so far, in bytes.

    Taken from Linux's VmHWM: `getrusage` would count what the parent had when it started this process.
    """
    if STATUS.exists():
        for line in STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
