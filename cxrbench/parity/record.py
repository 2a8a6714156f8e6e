"""The first stage, one process per backend: everything that it computes of the twins, recorded."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray
from tqdm import tqdm

from cxrbench.config import Config
from cxrbench.data.batches import batches
from cxrbench.data.dataset import Dataset
from cxrbench.gan.checkpoints import save_checkpoint
from cxrbench.gan.convolutions import DownForm, UpForm
from cxrbench.gan.dcgan import DCGAN, from_uint8
from cxrbench.gan.layers import PlainForms
from cxrbench.gan.objective import discriminator_labels, discriminator_loss, generator_loss
from cxrbench.gan.randomness import Purpose, normals, threefry2x32, uniforms, words
from cxrbench.gan.step import build_draws
from cxrbench.native import MODES, Draws, peer_module, unknown_to_peers
from cxrbench.parity.bounds import FIRST_STEPS, RESUMED_STEPS
from cxrbench.parity.evidence import Evidence, sha256
from cxrbench.parity.reference import PUBLISHED, SHOWN_PURPOSE, SHOWN_STEP, WORDS
from cxrbench.parity.session import Arrays, Session, calls, first_steps, steps, to_numpy
from cxrbench.parity.twin import PRECISIONS, full_size, twin

STREAM_STEPS = (0, SHOWN_STEP, 1_000_000)
FORM_STEPS = 10
HASHED_EPOCHS = 2


class OtherForms(PlainForms):
    """For every layer another form than the engine's own choice, and nothing fused by hand."""

    def __init__(self, engine: ModuleType):
        self.engine = engine

    def upsampling(self, filters: int) -> UpForm:
        return "transposed" if self.engine.upsampling(filters) == "product" else "product"

    def downsampling(self, channels: int) -> DownForm:
        return "product" if self.engine.downsampling(channels) == "strided" else "strided"


def record(
    config: Config, backend: str, engine: ModuleType, dataset: Dataset, large: Dataset, checkpoints: dict[str, Path]
) -> Evidence:
    """Train the twins on this backend, ours and the native peer.

    Args:
        dataset: the packed phantoms of the small twin.
        large: those of the experiment's own size.
        checkpoints: by precision, where the half-trained state is left for the other backends.
    """
    arrays: Arrays = _stream(config.train.seed, backend)
    hashes = {"order": _order(twin(config, "float32"), dataset)}
    unknown = unknown_to_peers(config)
    for precision in PRECISIONS:
        settings = twin(config, precision)
        engine.configure(settings.compute)
        found, own_hashes = ours(settings, backend, engine, dataset, checkpoints[precision])
        found |= layers(settings, engine, dataset) | _floats(settings)
        if precision == "float64":  # a rewriting is shown to be exact where rounding hides nothing
            found |= other_form(settings, backend, engine, dataset)
            arrays |= at_full_size(config, backend, engine, large)
        # In float32 what is timed, too: a compiler may treat the same code otherwise.
        for mode in [None, *(MODES[backend][1:] if precision == "float32" else ())] if not unknown else ():
            found |= native(settings, backend, engine, dataset, mode)
        arrays |= {f"{precision}/{name}": array for name, array in found.items()}
        hashes |= {f"{precision}/{name}": value for name, value in own_hashes.items()}
    described = engine.describe(calls(twin(config, "float32")))
    return Evidence({"sha256": hashes, "engine": described, "unknown_to_peers": unknown}, arrays)


def _stream(seed: int, backend: str) -> Arrays:
    """Words of every purpose at some steps, and the published vectors, all as uint32."""
    found = {
        f"stream/{int(purpose)}/{step}": _both(words(seed, purpose, _int32(step), WORDS))
        for purpose in Purpose
        for step in STREAM_STEPS
    }
    vectors = [threefry2x32(key, (_int32(counter[0]), _int32(counter[1]))) for counter, key, _ in PUBLISHED]
    found["stream/published"] = np.array([_both(pair) for pair in vectors])
    if backend == "jax":  # the one engine that has this generator of its own
        from jax.extend.random import threefry_2x32

        key = np.array([seed, SHOWN_PURPOSE], dtype=np.uint32)
        counter = np.concatenate([np.arange(WORDS), np.full(WORDS, SHOWN_STEP)]).astype(np.uint32)
        found["stream/engine"] = np.asarray(threefry_2x32(key, counter)).reshape(2, WORDS)
    return found


def _floats(config: Config) -> Arrays:
    """What the words become: normal and uniform values."""
    shape, precision = (2 * WORDS,), config.compute.precision
    where = (config.train.seed, Purpose(SHOWN_PURPOSE), _int32(SHOWN_STEP))
    return {
        "normals": ops.convert_to_numpy(normals(*where, shape, precision)),
        "uniforms": ops.convert_to_numpy(uniforms(*where, shape, precision)),
    }


def _order(config: Config, dataset: Dataset) -> str:
    """One hash of the images that a training reads, in the order in which it reads them."""
    train = config.train
    count = HASHED_EPOCHS * len(dataset.train) // train.batch_size
    with closing(batches(dataset.train, train.batch_size, train.seed)) as source:
        return sha256({f"{number:08d}": next(source) for number in range(count)})


def layers(config: Config, engine: ModuleType, dataset: Dataset) -> Arrays:
    """What every layer makes of the first batch at the initial weights, and the gradients of both losses."""
    gan, batch, precision = DCGAN(config, engine), config.train.batch_size, config.compute.precision
    generator, discriminator, kind = gan.generator, gan.discriminator, config.objective.loss
    draw = build_draws(config, discriminator, engine)

    def look(images: Any, number: Any) -> dict[str, Any]:
        draws = draw(number)
        found, hidden = {}, draws.latents[0]
        for place, layer in enumerate(generator.layers):
            hidden = layer(hidden, training=True) if layer.name.startswith("norm") else layer(hidden)
            found[f"forward/generator/{place}_{type(layer).__name__}"] = hidden
        both = ops.concatenate([from_uint8(images, precision), hidden])
        for convolution, output in zip(
            discriminator.convolutions, discriminator.features(both, draws.keep[0]), strict=True
        ):
            found[f"forward/discriminator/{convolution.name}"] = output
        found["forward/discriminator/logit"] = discriminator(both, keep=draws.keep[0])

        def of_discriminator() -> tuple[Any, tuple[()]]:
            labels = discriminator_labels(batch, config.objective.label_smoothing, draws.flipped, precision)
            return discriminator_loss(kind, labels, discriminator(both, keep=draws.keep[0])), ()

        def of_generator() -> tuple[Any, tuple[()]]:
            logits = discriminator(generator(draws.latents[1], training=True), keep=draws.keep[1])
            return generator_loss(kind, logits), ()

        for loss, network in ((of_discriminator, discriminator), (of_generator, generator)):
            _, _, gradients = engine.value_and_grad(loss, network.trainable_variables, gan.state)
            for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
                found[f"gradients/{variable.path}"] = gradient
        return found

    first = dataset.train[:batch].reshape(batch, *dataset.train.shape[1:], 1).copy()  # writable, as PyTorch wants it
    return to_numpy(engine.compile(look, gan.state, 1)(engine.to_device(first), engine.to_device(np.int32(0))))


def ours(
    config: Config, backend: str, engine: ModuleType, dataset: Dataset, checkpoints: Path
) -> tuple[Arrays, dict[str, str]]:
    """Metrics, last state and hashes of the shared step's training; a checkpoint is left in the middle."""
    first, half, total = first_steps(config), steps(config) // 2, steps(config)
    resumed = min(half + RESUMED_STEPS, total)
    title = f"parity {backend} {config.compute.precision}"
    session = Session(config, engine, dataset)
    hashes = {"initial": sha256(session.state())}
    metrics = [session.train(0, 1, f"{title}, compiling")]
    found = _statistics("ours", session.state())
    metrics.append(session.train(1, first, title))
    if first < half:
        metrics.append(session.train(first, half, title))
    hashes["half"] = sha256(session.state())
    identity = (config.training_fingerprint, dataset.fingerprint, backend)
    hashes["checkpoint"] = save_checkpoint(checkpoints, session.gan, half, *identity).sha256
    metrics.append(session.train(half, resumed, title))
    hashes["resumed"] = sha256(session.state())
    if resumed < total:
        metrics.append(session.train(resumed, total, title))
    found["ours/losses"] = np.concatenate(metrics)
    return found | _state("ours", config, session.state()), hashes


def other_form(config: Config, backend: str, engine: ModuleType, dataset: Dataset) -> Arrays:
    """Metrics of the first steps, with every convolution in a form that this backend does not use."""
    session = Session(config, engine, dataset, OtherForms(engine))
    title = f"parity {backend} {config.compute.precision}, other form"
    return {"other_form/losses": session.train(0, FORM_STEPS, title)}


def at_full_size(config: Config, backend: str, engine: ModuleType, dataset: Dataset) -> Arrays:
    """Metrics of the experiment's own first steps in float64.

    At high rates float32 trainings of this size part within fewer steps than the small twin's, so that only float64
    tells whether the work is the same.
    """
    session = Session(full_size(config), engine, dataset)
    return {"full_size/losses": session.train(0, FIRST_STEPS, f"parity {backend} float64, full size")}


def native(config: Config, backend: str, engine: ModuleType, dataset: Dataset, mode: str | None = None) -> Arrays:
    """Metrics and last state of the hand-written peer, given our initial weights, images and draws.

    In float32 of the first steps alone: later ones are chaotic, and bound by nothing.

    Args:
        mode: one of ``native.MODES``; the first of them without it, whose arrays bear no mode in their names.
    """
    whose = f"native-{mode}" if mode else "native"
    module, gan, train = peer_module(backend), DCGAN(config), config.train
    weights = [*gan.generator.variables, *gan.discriminator.variables]
    initial = {variable.path: ops.convert_to_numpy(variable.value) for variable in weights}
    peer = module.Peer(config, initial, mode or MODES[backend][0])
    draw = engine.compile(build_draws(config, gan.discriminator, engine), [], 1)
    total = steps(config) if config.compute.precision == "float64" else first_steps(config)
    title, metrics = f"parity {backend} {config.compute.precision}, {whose}", []
    with closing(batches(dataset.train, train.batch_size, train.seed)) as source:
        for number in tqdm(range(total), desc=title, unit="step", leave=False, mininterval=0.5):
            draws = Draws(*to_numpy(draw(engine.to_device(np.int32(number))))[: len(Draws._fields)])
            metrics.append(to_numpy(peer.step(module.to_device(next(source)), draws)))
            if number == 0:
                found = _statistics(whose, peer.state())
    return {f"{whose}/losses": np.array(metrics)} | found | _state(whose, config, peer.state())


def _statistics(whose: str, state: Arrays) -> Arrays:
    """Moving means and variances: they have no effect on training, so no loss tells whether they are right."""
    return {f"{whose}/statistics/{name}": value for name, value in state.items() if "/moving_" in name}


def _state(whose: str, config: Config, state: Arrays) -> Arrays:
    """The last state, where it is compared: in float32 it is that of a chaotic training."""
    kept = state if config.compute.precision == "float64" else {}
    return {f"{whose}/state/{name}": value for name, value in kept.items()}


def _int32(value: int) -> Any:
    return ops.convert_to_tensor(np.array(value, dtype=np.uint32).view(np.int32))


def _both(pair: tuple[Any, Any]) -> NDArray[np.uint32]:
    return np.array([ops.convert_to_numpy(word).view(np.uint32) for word in pair])
