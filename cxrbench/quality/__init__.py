"""Image quality on uint8 pixels: NumPy in, numbers out, whatever made the images.

Importing the package registers its metrics, in the order in which they are shown. A further one is a function in a
module named here, decorated with :func:`cxrbench.quality.registry.metric`; the evaluation and the report then show it
by themselves.
"""

# isort: off
from cxrbench.quality import (
    kernel, frechet, manifold, bands, structure, multiscale, intensity, memorisation, neighbours, phantoms,
)  # fmt: skip

__all__ = [
    "kernel", "frechet", "manifold", "bands", "structure", "multiscale", "intensity", "memorisation", "neighbours",
    "phantoms",
]  # fmt: skip
