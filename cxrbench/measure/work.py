"""What one training step must do at least: its arithmetic and its memory traffic, from the shapes of the networks.

**Arithmetic.** A multiply-add is 2 FLOPs. A layer costs the same in each of its three passes, forward, gradient with
respect to its inputs and gradient with respect to its weights: a pass pairs every pixel of the smaller of its two
grids with every one of the K x K taps and every pair of channels. Taps that fall on the padding are counted, as
PyTorch's and TensorFlow's counters do; XLA's cost analysis leaves them out, which for K = 4 are 2 of the 4 n taps
along n pixels. Elementwise work is not counted: it is a small share, and bound by memory.

**Traffic.** A lower bound, in the layers' own floating-point type. Assumed is that everything elementwise
(activation, normalization, dropout, noise, loss) is done on the way into or out of a layer, that random numbers are
made where they are used, and that a pass reads each of its arrays once. Nothing is assumed to stay in a cache from
one pass to the next: an experiment so small that it fits into one may move less than this through the memory.

- Forward: inputs and weights are read, outputs written.
- Backward: the gradient of the outputs is read; for the gradient of the weights the inputs are read too, and it is
  written; for that of the inputs the weights are read too, and it is written.
- Adam: the weights and both slots are read and written, the gradient read.
- Real images are read as uint8, in forward and in backward.

What batch normalization needs beyond that (its statistics, in backward the sums over a batch) and the signs of the
activations where no gradient of weights is wanted are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cxrbench.config import Config

FLOPS_PER_MULTIPLY_ADD = 2
ITEM_BYTES = {"bfloat16": 2, "float32": 4, "float64": 8}
ADAM_TRAFFIC = 7  # values per weight: the weight and two slots read and written, the gradient read


class Layer(NamedTuple):
    """A layer with weights, by the shapes of one image's inputs and outputs: (H, W, C) or (C,)."""

    network: Literal["generator", "discriminator"]
    name: str
    kind: Literal["convolution", "dense"]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    multiply_adds: int  # of one image, in any one of the three passes
    parameters: int  # trainable: kernel, bias, and scale and shift of the normalization behind the layer


class LayerWork(NamedTuple):
    """What one layer does in one training step, over all updates."""

    layer: Layer
    forward: int  # FLOPs
    input_gradient: int  # FLOPs
    weight_gradient: int  # FLOPs
    bytes: int

    @property
    def flops(self) -> int:
        return self.forward + self.input_gradient + self.weight_gradient


@dataclass(frozen=True)
class Work:
    """What one training step does, in FLOPs and bytes."""

    convolution_flops: int
    dense_flops: int
    bytes: int
    layers: list[LayerWork]  # generator, then discriminator, in the order of the forward pass

    @property
    def flops(self) -> int:
        return self.convolution_flops + self.dense_flops


class _Pass(NamedTuple):
    """One way of one batch through a layer, forward and perhaps backward."""

    images: int
    input_gradient: bool
    weight_gradient: bool
    raw_images: int = 0  # of the images, those that come to the layer as uint8


def training_step(config: Config) -> Work:
    """The work of one step of ``gan/step.py``; the gate of the discriminator is taken to be open."""
    works = [_layer_work(layer, _passes(layer, config), config) for layer in layers(config)]
    flops = {"convolution": 0, "dense": 0}
    for work in works:
        flops[work.layer.kind] += work.flops
    return Work(flops["convolution"], flops["dense"], sum(work.bytes for work in works), works)


def layers(config: Config) -> list[Layer]:
    """The layers with weights of both networks, generator first, in the order of the forward pass."""
    return [*_generator(config), *_discriminator(config)]


def _generator(config: Config) -> list[Layer]:
    model = config.model
    grid, width = model.base_size, model.generator_width
    outputs = (grid, grid, width)
    weights = model.latent_dim * math.prod(outputs)
    found = [Layer("generator", "dense", "dense", (model.latent_dim,), outputs, weights, weights + 2 * width)]
    for level in range(_doublings(config)):
        inputs, last = outputs, 2 * outputs[0] == config.data.image_size
        filters = 1 if last else inputs[2] // 2
        outputs = (2 * inputs[0], 2 * inputs[1], filters)
        kernel = model.kernel_size**2 * inputs[2] * filters
        besides = filters if last else 2 * filters  # a bias, or a normalization
        name = "image" if last else f"up_{level}"
        multiply_adds = inputs[0] * inputs[1] * kernel  # transposed: every input pixel meets the whole kernel
        found.append(Layer("generator", name, "convolution", inputs, outputs, multiply_adds, kernel + besides))
    return found


def _discriminator(config: Config) -> list[Layer]:
    model = config.model
    outputs: tuple[int, int, int] = (config.data.image_size, config.data.image_size, 1)
    found = []
    for level in range(_doublings(config)):
        inputs, filters = outputs, model.discriminator_width << level
        outputs = (inputs[0] // 2, inputs[1] // 2, filters)
        kernel = model.kernel_size**2 * inputs[2] * filters
        multiply_adds = outputs[0] * outputs[1] * kernel
        name = f"down_{level}"
        found.append(Layer("discriminator", name, "convolution", inputs, outputs, multiply_adds, kernel + filters))
    features = math.prod(outputs)
    return [*found, Layer("discriminator", "logit", "dense", (features,), (1,), features, features + 1)]


def _doublings(config: Config) -> int:
    return (config.data.image_size // config.model.base_size).bit_length() - 1


def _passes(layer: Layer, config: Config) -> list[_Pass]:
    """How often and how a step goes through a layer: in the discriminator's update, then in the generator's ones."""
    batch, updates = config.train.batch_size, config.objective.generator_updates
    if layer.network == "generator":
        first = layer.kind == "dense"
        fakes = _Pass(batch, input_gradient=False, weight_gradient=False)
        return [fakes, *[_Pass(batch, input_gradient=not first, weight_gradient=True)] * updates]
    first = layer.name == "down_0"
    rows = (3 if config.objective.gradient_penalty else 2) * batch  # real, fake, and real ones a push away
    judged = _Pass(rows, input_gradient=not first, weight_gradient=True, raw_images=batch if first else 0)
    return [judged, *[_Pass(batch, input_gradient=True, weight_gradient=False)] * updates]


def _layer_work(layer: Layer, passes: list[_Pass], config: Config) -> LayerWork:
    flops = FLOPS_PER_MULTIPLY_ADD * layer.multiply_adds
    return LayerWork(
        layer,
        flops * sum(one.images for one in passes),
        flops * sum(one.images for one in passes if one.input_gradient),
        flops * sum(one.images for one in passes if one.weight_gradient),
        sum(_traffic(layer, one, ITEM_BYTES[config.compute.precision]) for one in passes),
    )


def _traffic(layer: Layer, one: _Pass, item: int) -> int:
    """Bytes that one pass reads and writes, with the update of the weights that may follow it."""
    size = math.prod(layer.inputs)
    inputs = size * ((one.images - one.raw_images) * item + one.raw_images)
    outputs, weights = math.prod(layer.outputs) * one.images * item, layer.parameters * item
    total = inputs + weights + outputs
    if one.input_gradient or one.weight_gradient:
        total += outputs  # their gradient, read once for both
    if one.input_gradient:
        total += weights + size * one.images * item
    if one.weight_gradient:
        total += inputs + weights + ADAM_TRAFFIC * weights
    return total
