"""ONNX graphs written operation by operation: for networks whose architecture and weights are published."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 17
IR_VERSION = 8  # what runtimes of 2022 and later read

Pads = tuple[int, int, int, int]  # above, left, below, right


class Graph:
    """A graph of one input, "images", (B, channels, side, side) float32. Each method adds an operation to it and gives
    the name of its output."""

    def __init__(self, channels: int, side: int):
        self.channels, self.side = channels, side
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def normalized(self, value: str, mean: float, deviation: float) -> str:
        """``(value - mean) / deviation``."""
        centred = self._add("Sub", value, self._constant(np.float32(mean)))
        return self._add("Div", centred, self._constant(np.float32(deviation)))

    def convolution(
        self,
        value: str,
        weight: NDArray[Any],
        bias: NDArray[Any],
        stride: int = 1,
        pads: Pads = (0,) * 4,
        groups: int = 1,
    ) -> str:
        """Weights (F, C / groups, kh, kw) and bias (F,)."""
        constants = self._constant(weight), self._constant(bias)
        return self._add("Conv", value, *constants, strides=[stride] * 2, pads=list(pads), group=groups)

    def relu(self, value: str) -> str:
        return self._add("Relu", value)

    def relu6(self, value: str) -> str:
        return self._add("Clip", value, self._constant(np.float32(0)), self._constant(np.float32(6)))

    def max_pool(self, value: str, stride: int, padding: int) -> str:
        """3x3."""
        return self._add("MaxPool", value, kernel_shape=[3, 3], strides=[stride] * 2, pads=[padding] * 4)

    def average_pool(self, value: str) -> str:
        """3x3, stride 1, the mean of the pixels that are there."""
        return self._add("AveragePool", value, kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4, count_include_pad=0)

    def sum(self, first: str, second: str) -> str:
        return self._add("Add", first, second)

    def joined(self, *values: str) -> str:
        """Channels one after the other."""
        return self._add("Concat", *values, axis=1)

    def pooled(self, value: str) -> str:
        """(B, C): the mean over all pixels."""
        return self._add("Flatten", self._add("GlobalAveragePool", value))

    def model(self, output: str) -> bytes:
        """The ONNX file."""
        from onnx import TensorProto, helper  # here, since only a network that is built needs it

        shape: list[str | int | None] = ["B", self.channels, self.side, self.side]
        graph = helper.make_graph(
            self.nodes,
            "features",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["B", "D"])],
            self.constants,
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION).SerializeToString()

    def _add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def _constant(self, values: Any) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(
            numpy_helper.from_array(np.ascontiguousarray(values, np.float32).reshape(np.shape(values)), name)
        )
        return name
