"""Sets to measure, made small and quick for tests."""

from collections.abc import Iterator

import numpy as np
import pytest

from cxrbench.quality.images import Images, area_means
from cxrbench.quality.sets import Sets
from cxrbench.quality.spaces import INCEPTION, Space

TINY = Space(INCEPTION, lambda images: area_means(images, 8).astype(np.float32))  # stands for a network in tests alone


def sets_of(
    images: Images, reference: Images, train: Images | None = None, seed=0, spaces=None, anatomist=None
) -> Sets:
    """Images, held-out images and training images, (N, H, W) uint8; without a network."""
    return Sets(images, reference, reference if train is None else train, seed, spaces or {}, anatomist=anatomist)


@pytest.fixture(scope="session", autouse=True)
def light_features() -> Iterator[None]:
    """One space of a few pixels in the place of networks, which have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cxrbench.tasks.evaluate.spaces", lambda own, kept: {TINY.name: TINY})
        yield
