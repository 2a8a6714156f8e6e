"""Spaces of features in which images are compared, and the memory of what was computed in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxrbench.errors import CxrbenchError
from cxrbench.quality import efficientnet, inception
from cxrbench.quality.images import Images, QualityError, Reals, area_means
from cxrbench.quality.onnxnet import Network, load

INCEPTION, LITE = "inception", "efficientnet_lite0"
LABELS = {INCEPTION: "Inception-v3", LITE: "EfficientNet-lite0", "pixels64": "64x64 pixels"}


@dataclass(frozen=True)
class Space:
    """A space of features: ``extract`` makes (N, D) float32 of (N, H, W) uint8 images.

    Raises:
        QualityError: by ``extract``, with the reason and the way out where the network cannot be had here.
    """

    name: str
    extract: Callable[[Images], Reals]


PIXELS = Space("pixels64", lambda images: area_means(images, 64).astype(np.float32))


def spaces(own: Path | None, kept: Path) -> dict[str, Space]:
    """Inception-v3 and EfficientNet-lite0, and a user's own network from an ONNX file, by name.

    Args:
        own: the file; the space is called like it.
        kept: a folder for features that were computed, by the content of the images and of the network.

    Raises:
        QualityError: the user's file is no network that makes features of gray images.
    """
    found = {
        name: _space(name, build, kept)
        for name, build in ((INCEPTION, inception.network), (LITE, efficientnet.network))
    }
    if own is not None:
        network, name = load(own), re.sub(r"[^a-z0-9]+", "_", own.stem.lower()).strip("_")
        if not name or name in {*found, PIXELS.name}:
            raise QualityError(f"{own}: its name would be that of another space, {name!r}; rename the file")
        found[name] = _space(name, lambda: network, kept)
    return found


def label_of(space: str) -> str:
    """What a reader calls a space; a user's own is called like its file."""
    return LABELS.get(space, space)


def _space(name: str, build: Callable[[], Network], kept: Path) -> Space:
    built: list[Network | CxrbenchError] = []

    def extract(images: Images) -> Reals:
        if not built:  # once, at the first images: it takes a second or two
            try:
                built.append(build())
            except CxrbenchError as error:
                built.append(error)
        if isinstance(built[0], CxrbenchError):
            raise QualityError(f"not computed: {built[0]}")
        return _remembered(built[0], name, images, kept)

    return Space(name, extract)


def _remembered(network: Network, name: str, images: Images, kept: Path) -> Reals:
    """The features of these very images by this very network, from an earlier evaluation or computed and kept."""
    content = hashlib.sha256(network.sha256.encode())
    content.update(repr(images.shape).encode())
    content.update(images.tobytes())
    file = kept / f"{name}-{content.hexdigest()[:32]}.npy"
    with suppress(OSError, ValueError, EOFError):  # not there, or damaged: made anew
        return np.load(file, allow_pickle=False)
    features = network.features(images, name)
    kept.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial.npy")
    np.save(partial, features)
    partial.replace(file)
    return features
