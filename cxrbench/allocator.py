"""The C library's allocator, told to keep what it has: a training step frees and allocates the same large blocks again.

By default glibc gives blocks of more than 32 MB, and what is free at the end of its heap, back to the kernel, so every
step would wait for 100,000 and more pages to be mapped and zeroed again. The settings are read when a process starts,
so the command starts itself once more with them; what it starts, inherits them, hand-written peers too.
"""

from __future__ import annotations

import os
import platform
import sys

TUNABLES = {
    "glibc.malloc.mmap_max": 0,  # large blocks come from the heap too
    "glibc.malloc.arena_max": 1,  # the heaps of further threads could not hold them
    "glibc.malloc.trim_threshold": 1 << 34,  # the heap's free end is kept up to 16 GiB
    "glibc.malloc.top_pad": 1 << 26,  # and grows by 64 MiB at once
    "glibc.malloc.hugetlb": 1,  # in huge pages, where the kernel has them
}
OWN_SETTINGS = ("GLIBC_TUNABLES", "MALLOC_", "LD_PRELOAD")  # how a user's variables begin that choose an allocator


def keep_memory() -> None:
    """Start this command again with ``TUNABLES``, unless the user set an allocator, or it is not glibc's."""
    if platform.libc_ver()[0] != "glibc" or any(name.startswith(OWN_SETTINGS) for name in os.environ):
        return
    tunables = ":".join(f"{name}={value}" for name, value in TUNABLES.items())
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {"GLIBC_TUNABLES": tunables})
