"""Image quality on uint8 pixels: NumPy in, numbers out, whatever made the images.

Importing the package registers its metrics. A further one is a function in a module named here, decorated with
:func:`cxrbench.quality.registry.metric`; the evaluation and the report then show it by themselves.
"""

from cxrbench.quality import frechet, intensity, neighbours, structure

__all__ = ["frechet", "intensity", "neighbours", "structure"]
