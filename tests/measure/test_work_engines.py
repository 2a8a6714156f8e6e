"""The count of the work from shapes alone, against the networks themselves and each engine's own counter."""

import math
from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench.gan.dcgan import DCGAN
from cxrbench.measure.work import layers, training_step
from cxrbench.native import peer_module
from tests.gan.small import Small, images, small_config

pytestmark = pytest.mark.engine

SETTINGS = ["objective.generator_updates=2", "objective.gate_accuracy=1.0"]  # a shut gate may skip the work


def only(backend):
    return pytest.mark.skipif(keras.backend.backend() != backend, reason=f"the counter is that of {backend}")


def convolutions():
    """Every convolution of the small networks, as a function of inputs and kernel, with arrays for both."""
    found = []
    config = small_config()
    for layer in layers(config):
        if layer.kind == "convolution":
            transposed = layer.network == "generator"
            channels = (layer.outputs[2], layer.inputs[2]) if transposed else (layer.inputs[2], layer.outputs[2])
            operation = ops.conv_transpose if transposed else ops.conv
            convolve = partial(operation, strides=2, padding="same", data_format="channels_last")
            inputs = np.ones((config.train.batch_size, *layer.inputs), np.float32)
            kernel = np.ones((config.model.kernel_size, config.model.kernel_size, *channels), np.float32)
            found.append(pytest.param(layer, convolve, inputs, kernel, id=layer.name))
    return pytest.mark.parametrize(("layer", "convolve", "inputs", "kernel"), found)


each_convolution = convolutions()


def one_pass(layer, inputs):
    return 2 * layer.multiply_adds * len(inputs)


def test_shapes_and_parameters_are_those_of_the_networks():
    config = small_config()
    gan = DCGAN(config)
    found = {one.name: one for one in layers(config)}
    for network in (gan.generator, gan.discriminator):
        counted = sum(one.parameters for one in found.values() if one.network == network.name)
        assert counted == sum(math.prod(variable.shape) for variable in network.trainable_variables)
    for name in ("up_0", "image"):
        assert gan.generator.get_layer(name).input.shape[1:] == found[name].inputs
        assert gan.generator.get_layer(name).output.shape[1:] == found[name].outputs
    features = gan.discriminator.features(ops.zeros((1, 16, 16, 1)))
    assert [tuple(one.shape[1:]) for one in features] == [found["down_0"].outputs, found["down_1"].outputs]
    assert gan.discriminator.logit.kernel.shape == (*found["logit"].inputs, *found["logit"].outputs)


@only("torch")
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "native"])
def test_torch_counts_the_same_step(ours):
    from torch.utils.flop_counter import FlopCounterMode

    config = small_config(*SETTINGS)
    small = Small(config)
    weights = {name: ops.convert_to_numpy(variable.value) for name, variable in small.gan.named_state.items()}
    peer = peer_module("torch").Peer(config, weights)
    with FlopCounterMode(display=False) as counter:
        if ours:
            small.run(1, compiled=False)
        else:
            peer.step(small.engine.to_device(images(config, 0)))
    counted = {str(operation): flops for operation, flops in counter.get_flop_counts()["Global"].items()}
    work = training_step(config)
    assert counter.get_total_flops() == work.flops  # exactly: both count the taps on the padding
    if not ours:  # of which some convolutions are matrix products
        convolution_flops = sum(flops for operation, flops in counted.items() if "convolution" in operation)
        assert convolution_flops == work.convolution_flops


@only("jax")
@each_convolution
def test_xla_counts_the_same_layers(layer, convolve, inputs, kernel):
    import jax

    def counted(function, *arrays):
        return jax.jit(function).lower(*arrays).compile().cost_analysis()["flops"]

    def gradient(index):
        outputs = np.ones((len(inputs), *layer.outputs), np.float32)
        return counted(lambda x, k, g: jax.vjp(convolve, x, k)[1](g)[index], inputs, kernel, outputs)

    expected = one_pass(layer, inputs) * on_the_image(layer, kernel.shape[0])
    assert counted(convolve, inputs, kernel) == pytest.approx(expected, rel=1e-6)
    assert gradient(0) == pytest.approx(expected, rel=1e-6)  # with respect to the inputs
    assert gradient(1) == pytest.approx(expected, rel=1e-6)  # with respect to the weights


@only("jax")
def test_xla_counts_the_same_step():
    """XLA counts elementwise operations too, hence the margin; a pass too few or too many would be 10 % and more."""
    import jax

    config = small_config(*SETTINGS, "model.generator_width=256", "model.discriminator_width=128")
    small, work = Small(config), training_step(config)
    variables = small.gan.state

    def pure(values, batch, number):
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            return small.step(batch, number), [scope.get_current_value(variable) for variable in variables]

    arguments = [variable.value for variable in variables], images(config, 0), np.int32(0)
    counted = jax.jit(pure).lower(*arguments).cost_analysis()["flops"]
    expected = work.dense_flops
    for one in work.layers:
        if one.layer.kind == "convolution":
            # As a matrix product it is computed on the padding too.
            up, channels = one.layer.network == "generator", (one.layer.inputs[2], one.layer.outputs[2])
            form = small.engine.upsampling(channels[1]) if up else small.engine.downsampling(channels[0])
            expected += one.flops * (1 if form == "product" else on_the_image(one.layer, config.model.kernel_size))
    assert expected < counted < 1.05 * expected


def on_the_image(layer, kernel):
    """Share of the taps that fall on the image: XLA does not count those on the padding."""
    pixels, start = min(layer.inputs[0], layer.outputs[0]), 1 - kernel // 2
    side = [0 <= 2 * pixel + tap + start < 2 * pixels for pixel in range(pixels) for tap in range(kernel)]
    return (sum(side) / len(side)) ** 2


@only("tensorflow")
@each_convolution
def test_tensorflow_counts_the_same_layers(layer, convolve, inputs, kernel):
    import tensorflow as tf

    @tf.function(autograph=False)
    def passes(inputs, kernel):
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernel])
            outputs = convolve(inputs, kernel)
        return outputs, tape.gradient(outputs, [inputs, kernel])

    def by_operation(node):
        return [(node.name, node.float_ops), *(found for child in node.children for found in by_operation(child))]

    graph = passes.get_concrete_function(tf.constant(inputs), tf.constant(kernel)).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output()
    counted = dict(by_operation(profiler.profile(graph, cmd="op", options=options.build())))
    for operation in ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"):
        assert counted[operation] == one_pass(layer, inputs), operation
