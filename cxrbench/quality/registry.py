"""The metrics there are, each one short registered function, and how one is applied."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from cxrbench.quality.images import Images, QualityError, Reals, check_images, check_same_size, draw

Against = Literal["reference", "train", "itself"]
Good = Literal["lower", "near real"]
RESAMPLES = 1000


@dataclass(frozen=True)
class Measured:
    """One figure, with the ends of its 95 % interval where resampling images gives an honest one."""

    value: float
    ci_low: float | None = None
    ci_high: float | None = None


@dataclass(frozen=True)
class Metric:
    """A registered metric.

    ``against`` says what the images are compared with: the held-out ``reference`` (equal N), all of ``train``, or
    ``itself`` (pairs within the set). ``good`` says how to read the figure. ``about`` is the first paragraph of the
    function's docstring.
    """

    name: str
    label: str
    unit: str
    against: Against
    good: Good
    about: str
    function: Callable[[Images, Images, int], Measured]


METRICS: dict[str, Metric] = {}


@dataclass(frozen=True)
class RealSets:
    """The real images: N held out, N other ones from training, and all of the training images; (N, H, W) uint8."""

    reference: Images
    train_draw: Images
    train: Images

    @classmethod
    def of(cls, test: Images, train: Images, count: int, seed: int) -> RealSets:
        """Draw both real sets of ``count`` images with one seed."""
        return cls(reference=draw(test, count, seed), train_draw=draw(train, count, seed), train=train)


def metric(
    name: str, *, label: str, unit: str, against: Against, good: Good
) -> Callable[[Callable[[Images, Images, int], Measured]], Callable[[Images, Images, int], Measured]]:
    """Register ``function(images, other, seed) -> Measured``; its docstring's first paragraph is for the reader.

    The name carries the protocol (``frechet_pooled8``), so that two figures of one name can be compared.
    """

    def register(function: Callable[[Images, Images, int], Measured]) -> Callable[[Images, Images, int], Measured]:
        about = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
        METRICS[name] = Metric(name, label, unit, against, good, about, function)
        return function

    return register


def measure(one: Metric, images: Images, real: RealSets, seed: int, name: str = "generated") -> Measured:
    """Apply one metric to generated images, (N, H, W) uint8.

    Raises:
        QualityError: the sets cannot be measured, or N is not that of the held-out images.
    """
    other = {"reference": real.reference, "train": real.train, "itself": images}[one.against]
    check_images(images, name)
    check_images(other, one.against)
    check_same_size(images, other, name, one.against)
    if len(images) != len(real.reference):
        raise QualityError(
            f"{name}: {len(images)} images beside {len(real.reference)} held-out ones; figures compare at equal N only"
        )
    return one.function(images, other, seed)


def measure_real(one: Metric, real: RealSets, seed: int) -> Measured:
    """The same figure for real images at the same N: what good looks like.

    A distance to the held-out images is taken from N training images, because a set is at distance 0 from itself;
    every other figure is that of the held-out images.

    Raises:
        QualityError: the sets cannot be measured.
    """
    stand_in = real.train_draw if one.against == "reference" else real.reference
    return measure(one, stand_in, real, seed, name="real")


def with_interval(values: Reals, statistic: Callable[..., Reals], seed: int) -> Measured:
    """A statistic of independent values with its percentile bootstrap interval (Efron 1979), 1000 resamples.

    Args:
        values: (N,) float64.
        statistic: takes ``axis``, such as ``np.median``.
    """
    drawn = stats.bootstrap(
        (values,),
        statistic,
        n_resamples=RESAMPLES,
        confidence_level=0.95,
        method="percentile",
        vectorized=True,
        batch=100,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Measured(float(statistic(values, axis=-1)), float(drawn.low), float(drawn.high))
