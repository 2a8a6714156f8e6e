"""A network in an ONNX file as a maker of features, run by ONNX Runtime on the CPU."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from cxrbench.quality.images import Images, QualityError, Reals

BATCH = 16


@dataclass(frozen=True)
class Network:
    """A session, whose input is (B, C, S, S) float32 gray levels of 0 to 255, and the SHA-256 of what it is."""

    session: Any
    channels: int
    side: int | None  # pixels; None where the network takes any size
    sha256: str

    def features(self, images: Images, title: str) -> Reals:
        """(N, D) float32 features of (N, H, W) uint8 images.

        Images of another size are resized bilinearly (without antialiasing, as TensorFlow 1 did and FID is defined).

        Raises:
            QualityError: the network fails on them, or makes anything else than one vector of finite numbers per
                image, or the same vector of all.
        """
        name, found = self.session.get_inputs()[0].name, []
        for start in tqdm(range(0, len(images), BATCH), desc=f"features, {title}", delay=5, leave=False):
            batch = images[start : start + BATCH].astype(np.float32)[:, None]
            batch = resized(batch, self.side or batch.shape[-1])
            batch = np.ascontiguousarray(np.broadcast_to(batch, (len(batch), self.channels, *batch.shape[2:])))
            try:
                made = self.session.run(None, {name: batch})[0]
            except Exception as error:  # the runtime's own errors have no common class
                raise QualityError(
                    f"{title}: the network fails on {batch.shape} float32: {_first_line(error)}"
                ) from None
            if not isinstance(made, np.ndarray) or made.ndim != 2 or len(made) != len(batch):
                what = made.shape if isinstance(made, np.ndarray) else type(made).__name__
                raise QualityError(f"{title}: the network makes {what} of {len(batch)} images, not (N, D)")
            found.append(made)
        if len({made.shape[1] for made in found}) > 1:
            raise QualityError(f"{title}: the network makes vectors of different lengths, not (N, D)")
        features = np.concatenate(found).astype(np.float32)
        _refuse_what_tells_nothing(features, images, title)
        return features


def load(file: Path) -> Network:
    """A user's own network: its one input is (B, 1 or 3, S, S) float32, gray levels of 0 to 255, its first output
    (B, D). Whatever else it does to the pixels belongs into the file.

    Raises:
        QualityError: the file is missing, no ONNX file, or of another form.
    """
    if not file.is_file():
        raise QualityError(f"{file}: no such file; --features takes a network in an ONNX file")
    content = file.read_bytes()
    return network(content, str(file), hashlib.sha256(content).hexdigest())


def network(model: bytes, title: str, sha256: str) -> Network:
    """A network from the bytes of an ONNX file.

    Raises:
        QualityError: ONNX Runtime cannot read them, or the input is not (B, 1 or 3, S, S) float32.
    """
    try:
        import onnxruntime  # here, since it takes a second, and nothing else needs it
    except ImportError:
        raise QualityError("ONNX Runtime is missing; get it with: pip install onnx onnxruntime") from None

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own errors have no common class
        raise QualityError(f"{title}: not a network that ONNX Runtime can run: {_first_line(error)}") from None
    inputs = session.get_inputs()
    shape: list[int | str] = inputs[0].shape if inputs else []
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(shape) != 4 or shape[1] not in (1, 3):
        found = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
        raise QualityError(
            f"{title}: the input must be one (B, 1 or 3, S, S) float32 of gray levels 0 to 255, not {found}"
        )
    channels, side = shape[1], shape[2]
    return Network(session, int(channels), side if isinstance(side, int) else None, sha256)


def resized(images: Reals, side: int) -> Reals:
    """Bilinear resize of (N, C, H, W) to (N, C, side, side), pixels at their upper left corners: TensorFlow 1's
    ``resize_bilinear``, with which FID is defined."""
    for axis in (2, 3):
        length = images.shape[axis]
        if length == side:
            continue
        places = np.arange(side, dtype=np.float32) * np.float32(length / side)
        lower = places.astype(np.int64)
        upper = np.minimum(lower + 1, length - 1)
        weight = (places - lower).astype(np.float32).reshape((-1, 1) if axis == 2 else (-1,))
        low, high = images.take(lower, axis=axis), images.take(upper, axis=axis)
        images = low + (high - low) * weight
    return images


def _refuse_what_tells_nothing(features: Reals, images: Images, title: str) -> None:
    wrong = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if wrong.size:
        raise QualityError(
            f"{title}: the network makes numbers that are not finite of {wrong.size} of {len(images)} images, the "
            f"first of them number {wrong[0]}; mend the network, or look at these images"
        )
    if len(images) > 1 and not np.ptp(features, axis=0).any() and np.ptp(images, axis=0).any():
        raise QualityError(f"{title}: the network makes the same features of all {len(images)} images; mend it")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
