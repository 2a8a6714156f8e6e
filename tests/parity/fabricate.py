"""Evidence as both stages on two backends leave it, equal to the bit, so that a test can spoil one thing of it."""

import numpy as np

from cxrbench.parity import reference
from cxrbench.parity.evidence import Evidence

SEED, STEPS, HALF, RESUMED = 3, 30, 15, 10
BACKENDS = ("jax", "torch")
PRECISIONS = ("float32", "float64")


def record() -> Evidence:
    """What one backend records."""
    rng = np.random.default_rng(0)
    shown = reference.words(SEED, reference.SHOWN_PURPOSE, reference.SHOWN_STEP, reference.WORDS)
    arrays = {
        f"stream/{purpose}/{step}": np.array(reference.words(SEED, purpose, step, reference.WORDS))
        for purpose in (1, 2)
        for step in (0, 7)
    }
    arrays["stream/engine"] = np.array(shown)
    arrays["stream/published"] = np.array(
        [[[word] for word in result] for _, _, result in reference.PUBLISHED], np.uint32
    )
    hashes = {"order": "pixels"}
    for precision in PRECISIONS:
        tensor = rng.standard_normal((4, 5)).astype(precision)
        losses = rng.uniform(0.4, 0.9, (STEPS, 5)).astype(precision)
        arrays |= {
            f"{precision}/uniforms": reference.uniforms(*shown).astype(precision),
            f"{precision}/normals": reference.normals(*shown).astype(precision),
            f"{precision}/forward/generator/dense": tensor.copy(),
            f"{precision}/gradients/generator/kernel": tensor.copy(),
            f"{precision}/ours/losses": losses.copy(),
            f"{precision}/native/losses": losses[: STEPS if precision == "float64" else 10].copy(),
            f"{precision}/other_form/losses": losses[:10].copy(),
        }
        for whose in ("ours", "native"):
            arrays[f"{precision}/{whose}/statistics/generator/moving_mean"] = tensor.copy()
        if precision == "float64":
            arrays |= {f"{precision}/{whose}/state/generator/kernel": tensor.copy() for whose in ("ours", "native")}
        hashes |= {
            f"{precision}/{name}": f"{precision} {name}" for name in ("initial", "half", "resumed", "checkpoint")
        }
    arrays["full_size/losses"] = rng.uniform(0.4, 0.9, (10, 5))
    return Evidence({"sha256": hashes, "unknown_to_peers": []}, arrays)


def exchanged() -> Evidence:
    """What one backend leaves after the exchange of checkpoints."""
    source = record()
    arrays, hashes = {}, {}
    for precision in PRECISIONS:
        losses = source.arrays[f"{precision}/ours/losses"]
        arrays[f"{precision}/again"] = losses[:HALF].copy()
        hashes[f"{precision}/half"] = f"{precision} half"
        for writer in BACKENDS:
            arrays[f"samples/{writer}"] = np.full((2, 4, 4, 1), 100, np.uint8)
            arrays[f"{precision}/resumed/{writer}"] = losses[HALF : HALF + RESUMED].copy()
            hashes[f"{precision}/resumed/{writer}"] = f"{precision} resumed"
            hashes[f"{precision}/loaded/{writer}"] = f"{precision} half"
            hashes[f"{precision}/checkpoint/{writer}"] = f"{precision} checkpoint"
    return Evidence({"sha256": hashes}, arrays)


def agreeing() -> tuple[dict[str, Evidence], dict[str, Evidence]]:
    """Records and exchanges of all backends."""
    return {backend: record() for backend in BACKENDS}, {backend: exchanged() for backend in BACKENDS}
