"""``python -m cxrbench``."""

from cxrbench.allocator import keep_memory
from cxrbench.cli import main

if __name__ == "__main__":
    keep_memory()
    raise SystemExit(main())
