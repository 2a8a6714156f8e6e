"""The arithmetic and the traffic of a step, against counts made in another way."""

import itertools
import math

import pytest

from cxrbench.configfile import load_config
from cxrbench.measure.work import layers, training_step

SMALLEST = [  # one layer that doubles, one that halves
    "data.image_size=8",
    "model.base_size=4",
    "model.generator_width=6",
    "model.discriminator_width=3",
    "model.latent_dim=5",
    "train.batch_size=2",
    "objective.generator_updates=1",
]


def work(*settings, experiment="smoke"):
    return training_step(load_config(experiment, list(settings)))


def pairs(grid, kernel):
    """Every multiply-add of a convolution with stride 2 onto ``grid`` x ``grid`` pixels, walked through one by one."""
    return sum(1 for _ in itertools.product(range(grid), range(grid), range(kernel), range(kernel)))


def test_the_arithmetic_of_the_smallest_step_is_what_a_walk_through_it_counts():
    found = work(*SMALLEST)
    image, down = pairs(4, 4) * 6 * 1, pairs(4, 4) * 1 * 3  # both pair a 4x4 grid with a 4x4 kernel
    fakes = 2 * image
    discriminator = 4 * down * 2  # forward and for the weights: images want no gradient
    generator = 2 * image * 3 + 2 * down * 2  # through the discriminator only to its inputs
    assert found.convolution_flops == 2 * (fakes + discriminator + generator)
    dense, logit = 5 * 4 * 4 * 6, 4 * 4 * 3
    # Latents want no gradient; features do. Four images pass the discriminator in its own update, two in the other's.
    assert found.dense_flops == 2 * (2 * dense + 4 * logit * 3 + 2 * dense * 2 + 2 * logit * 2)
    assert found.flops == sum(one.flops for one in found.layers) == found.convolution_flops + found.dense_flops


def test_the_traffic_of_the_smallest_step_is_that_of_a_ledger():
    latents, grid, pixels, features, logits = 5, 4 * 4 * 6, 8 * 8, 4 * 4 * 3, 1
    dense, image, down, logit = 5 * grid + 2 * 6, 16 * 6 + 1, 16 * 3 + 3, features + 1
    floats = 0
    floats += 2 * (latents + grid) + dense  # fakes: dense
    floats += 2 * (grid + pixels) + image  # fakes: image
    floats += 2 * pixels + 4 * features + down  # judged: the fakes are floats
    floats += 4 * (features + logits) + logit
    floats += 4 * logits + 4 * features + logit + 4 * features + logit  # logit, backward: both gradients
    floats += 4 * features + 2 * pixels + down  # down_0, backward: its weights alone
    floats += 7 * (down + logit)  # Adam
    floats += 2 * (latents + grid) + dense + 2 * (grid + pixels) + image  # the generator's update, forward
    floats += 2 * (pixels + features) + down + 2 * (features + logits) + logit
    floats += 2 * (logits + features) + logit + 2 * (features + pixels) + down  # backward, to the images
    floats += 2 * pixels + 2 * grid + image + 2 * grid + image  # image, backward: both gradients
    floats += 2 * grid + 2 * latents + dense  # dense, backward: its weights alone
    floats += 7 * (dense + image)
    real = 2 * (2 * pixels)  # uint8: forward, and for the weights of down_0
    assert work(*SMALLEST).bytes == 4 * floats + real
    assert work(*SMALLEST, "compute.precision=float64").bytes == 8 * floats + real


@pytest.mark.parametrize(("size", "batch", "gigaflops"), [(64, 32, 27), (256, 8, 78)])
def test_the_two_sizes_of_the_design(size, batch, gigaflops):
    found = work(f"data.image_size={size}", f"train.batch_size={batch}", experiment="base")
    assert found.flops == pytest.approx(gigaflops * 1e9, rel=0.02)


def test_arithmetic_follows_the_batch_and_traffic_does_so_but_for_the_weights():
    one, two = work("train.batch_size=8"), work("train.batch_size=16")
    assert two.flops == 2 * one.flops
    assert one.bytes < two.bytes < 2 * one.bytes


def test_every_further_update_of_the_generator_costs_the_same():
    one, two, three = (work(f"objective.generator_updates={count}") for count in (1, 2, 3))
    assert three.flops - two.flops == two.flops - one.flops > 0
    assert three.bytes - two.bytes == two.bytes - one.bytes > 0


def test_layers_fit_together():
    config = load_config("smoke", ["data.image_size=64"])
    found = layers(config)
    for before, after in itertools.pairwise(found):
        same = before.outputs == after.inputs or math.prod(before.outputs) == math.prod(after.inputs)
        assert same or before.outputs == (64, 64, 1)
    assert [one.name for one in found if one.outputs == (64, 64, 1)] == ["image"]
    assert next(one for one in found if one.network == "discriminator").inputs == (64, 64, 1)


def test_no_gradient_that_the_step_does_not_need_is_counted():
    found = {one.layer.name: one for one in work("objective.generator_updates=1").layers}
    assert found["dense"].input_gradient == 0
    down = found["down_0"]
    assert down.weight_gradient == 2 * down.input_gradient > 0  # 2B images in one update, B in the other
    assert found["down_1"].input_gradient == found["down_1"].forward


def test_a_gradient_penalty_judges_the_real_images_once_more():
    without, penalized = (
        {one.layer.name: one for one in work(f"objective.gradient_penalty={weight}").layers} for weight in (0.0, 1.0)
    )
    assert penalized["up_0"] == without["up_0"]
    one = without["down_1"].weight_gradient // 2  # of a batch: the discriminator's update sees two
    assert penalized["down_1"].weight_gradient == 3 * one
    assert penalized["down_1"].forward == without["down_1"].forward + one
