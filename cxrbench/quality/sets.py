"""What a figure is computed from: generated images, held-out ones and training images, and their features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cxrbench.quality.images import Images, QualityError, Reals, check_images, check_same_size, draw, draw_indices
from cxrbench.quality.spaces import PIXELS, Space

Against = Literal["reference", "train", "itself"]
Which = Literal["images", "reference", "train"]
MOST_TRAINING_IMAGES = 1000  # whose features a network makes: half a minute by Inception on two cores
MOST_IN_PIXELS = 10_000  # where it takes no network, so that copies of more of them are found


class Reader(Protocol):
    """Reads an anatomy from images; see ``phantoms.Anatomist``."""

    def read(self, images: Images, truth: str) -> Reals: ...


@dataclass(frozen=True)
class Sets:
    """Images that are judged, as many held-out ones, and the training images: (N, H, W), (N, H, W), (M, H, W) uint8.

    Whatever several figures need is computed once: features, and the results of ``once``.
    """

    images: Images
    reference: Images
    train: Images
    seed: int
    spaces: dict[str, Space]
    of_real_images: bool = False
    anatomist: Reader | None = None  # of phantoms alone
    known: dict[Any, Any] = field(default_factory=dict, repr=False)

    def features(self, space: str, which: Which) -> Reals:
        """(N, D) features of one of the three, float32; of many training images those of ``trained_on``.

        Raises:
            QualityError: the space cannot be had here.
        """
        return self.once(_features, space, which)

    def trained_on(self, space: str) -> NDArray[np.int64]:
        """Which training images stand for all in a space: at most 1,000, of pixels 10,000, drawn by the seed."""
        most = MOST_IN_PIXELS if space == PIXELS.name else MOST_TRAINING_IMAGES
        return draw_indices(len(self.train), min(len(self.train), most), self.seed)

    def once(self, function: Callable[..., Any], *arguments: str) -> Any:
        """``function(self, *arguments)``, computed at the first call alone."""
        key = (function, arguments)
        if key not in self.known:
            self.known[key] = function(self, *arguments)
        return self.known[key]


def _features(sets: Sets, space: str, which: Which) -> Reals:
    images: Images = getattr(sets, which)
    if which == "train":
        images = images[sets.trained_on(space)]
    return (sets.spaces | {PIXELS.name: PIXELS})[space].extract(np.ascontiguousarray(images))


@dataclass(frozen=True)
class RealSets:
    """The real images: N held out, N other ones from training, and all of the training images; (N, H, W) uint8."""

    reference: Images
    train_draw: Images
    train: Images
    seed: int
    spaces: dict[str, Space]
    anatomist: Reader | None = None

    @classmethod
    def of(
        cls,
        test: Images,
        train: Images,
        count: int,
        seed: int,
        spaces: dict[str, Space],
        anatomist: Reader | None = None,
    ) -> RealSets:
        """Draw both real sets of ``count`` images with one seed.

        Raises:
            QualityError: a set is none of gray images, or holds fewer than ``count``.
        """
        for images, name in ((test, "test"), (train, "train")):
            check_images(images, name)
        return cls(draw(test, count, seed), draw(train, count, seed), train, seed, spaces, anatomist)

    def beside(self, images: Images, name: str = "generated") -> Sets:
        """What generated images, (N, H, W) uint8, are judged by.

        Raises:
            QualityError: they are none, of another size, or N is not that of the held-out images.
        """
        check_images(images, name)
        check_same_size(images, self.reference, name, "reference")
        if len(images) != len(self.reference):
            raise QualityError(
                f"{name}: {len(images)} images beside {len(self.reference)} held-out ones; "
                "figures compare at equal N only"
            )
        return Sets(images, self.reference, self.train, self.seed, self.spaces, anatomist=self.anatomist)

    def floor(self, against: Against) -> Sets:
        """What real images are judged by, at the same N: what good looks like.

        A distance to the held-out images is taken from N training images, because a set is at distance 0 from itself;
        every other figure is that of the held-out images.
        """
        stand_in = self.train_draw if against == "reference" else self.reference
        return Sets(stand_in, self.reference, self.train, self.seed, self.spaces, True, self.anatomist)
