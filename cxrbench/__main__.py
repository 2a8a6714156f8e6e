"""``python -m cxrbench``, and the command ``cxrbench``."""

from cxrbench.allocator import keep_memory
from cxrbench.cli import main


def run() -> int:
    """Run one command in a process whose C library keeps memory; returns the exit status."""
    keep_memory()
    return main()


if __name__ == "__main__":
    raise SystemExit(run())
