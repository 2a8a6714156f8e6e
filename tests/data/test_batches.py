"""Batches: every image once an epoch, the same stream from any step on, and a thread that ends."""

from __future__ import annotations

import threading
import time
from itertools import islice

import numpy as np
import pytest

from cxrbench.data.batches import batch_indices, batches
from cxrbench.errors import DataError

IMAGES = np.arange(23 * 4, dtype=np.uint8).reshape(23, 2, 2)


def reading_threads() -> int:
    return sum(thread.name == "cxrbench-batches" for thread in threading.enumerate())


def test_an_epoch_holds_every_image_once_but_for_the_rest() -> None:
    indices = batch_indices(seed=1, epoch=0, n=23, batch_size=5)
    assert indices.shape == (4, 5)
    assert len(set(indices.ravel().tolist())) == 20 and indices.min() >= 0 and indices.max() < 23
    assert sorted(batch_indices(1, 0, 20, 5).ravel().tolist()) == list(range(20))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    np.testing.assert_array_equal(batch_indices(1, 3, 100, 10), batch_indices(1, 3, 100, 10))
    assert not np.array_equal(batch_indices(1, 3, 100, 10), batch_indices(1, 4, 100, 10))
    assert not np.array_equal(batch_indices(1, 3, 100, 10), batch_indices(2, 3, 100, 10))
    assert not np.array_equal(batch_indices(1, 2, 100, 10), batch_indices(2, 1, 100, 10))
    np.testing.assert_array_equal(batch_indices(1, 3, 100, 10).ravel(), batch_indices(1, 3, 100, 20).ravel())


def test_the_order_is_pinned() -> None:
    """A new NumPy must not change what a seed means: these are Philox's words, sorted."""
    assert batch_indices(0, 0, 8, 8).tolist() == [[0, 2, 1, 5, 4, 3, 6, 7]]


def test_every_place_is_equally_likely() -> None:
    first = [batch_indices(0, epoch, 10, 10)[0, 0] for epoch in range(2000)]
    counts = np.bincount(first, minlength=10)
    assert ((counts - 200) ** 2 / 200).sum() < 27.9  # chi-squared, 9 degrees of freedom, p = 0.001


def test_batches_are_the_images_in_that_order() -> None:
    stream = batches(IMAGES, 5, seed=1)
    for epoch in range(2):
        for chosen in batch_indices(1, epoch, 23, 5):
            batch = next(stream)
            assert batch.dtype == np.uint8 and batch.shape == (5, 2, 2, 1) and batch.strides == (4, 2, 1, 1)
            np.testing.assert_array_equal(batch[..., 0], IMAGES[chosen])
    stream.close()


@pytest.mark.parametrize("step", [0, 1, 3, 4, 9, 17])
def test_any_step_can_be_the_first(step: int) -> None:
    whole, late = batches(IMAGES, 5, seed=2), batches(IMAGES, 5, seed=2, first_step=step)
    np.testing.assert_array_equal(list(islice(whole, step, step + 10)), list(islice(late, 10)))


def test_a_batch_may_be_kept_and_changed() -> None:
    stream = batches(IMAGES, 5, seed=0)
    kept = next(stream)
    before = kept.copy()
    next(stream)[:] = 0
    np.testing.assert_array_equal(kept, before)
    assert IMAGES[-1, -1, -1] == 91
    stream.close()


def test_mapped_images_serve_as_well(tmp_path) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    batch = next(batches(mapped, 5, seed=1))
    np.testing.assert_array_equal(batch, next(batches(IMAGES, 5, seed=1)))
    assert not isinstance(batch, np.memmap)


def test_too_few_images_are_refused_at_once() -> None:
    with pytest.raises(DataError, match=r"train\.batch_size: 24 is more than the 23 training images"):
        batches(IMAGES, 24, seed=0)


def test_closing_ends_the_thread() -> None:
    before = reading_threads()
    stream = batches(IMAGES, 5, seed=0)
    next(stream)
    assert reading_threads() == before + 1
    stream.close()
    assert reading_threads() == before


class Counting:
    """Images that count how often they are read, and fail at the read number ``fails``."""

    def __init__(self, fails: int = 10**9) -> None:
        self.reads = 0
        self.fails = fails

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, chosen: np.ndarray) -> np.ndarray:
        self.reads += 1
        if self.reads == self.fails:
            raise OSError("the disk has gone")
        return IMAGES[chosen]


def test_reading_ahead_is_bounded() -> None:
    images = Counting()
    stream = batches(images, 5, seed=0)  # type: ignore[arg-type]
    next(stream)
    time.sleep(0.3)
    assert 2 <= images.reads <= 6  # one taken, three ready, one in the thread's hand
    stream.close()


def test_an_error_reaches_the_consumer_after_the_good_batches() -> None:
    before = reading_threads()
    stream = batches(Counting(fails=3), 5, seed=0)  # type: ignore[arg-type]
    assert len(list(islice(stream, 2))) == 2
    with pytest.raises(OSError, match="the disk has gone"):
        next(stream)
    assert reading_threads() == before
