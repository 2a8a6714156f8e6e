"""Reports without their drawings, of whose time these took the most: for tests of words and numbers."""

import numpy as np
import pytest

from cxrbench.report import figures, page


def leave_out_drawings(patch: pytest.MonkeyPatch) -> None:
    """Figures are made and saved, but all look alike; live charts, which tests of their own see, are left out."""
    blank = figures.picture_png(np.zeros((8, 8), np.uint8))
    patch.setattr(figures, "figure_png", lambda _, notice="": blank)
    for charts in ("speed_charts", "training_charts"):
        patch.setattr(page, charts, lambda *_: iter(()))
