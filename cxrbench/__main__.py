"""``python -m cxrbench``."""

from cxrbench.cli import main

raise SystemExit(main())
