"""The twins of an experiment on phantoms: a small one that a CPU trains in a minute, and one of its own size."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationError

from cxrbench.config import FEWEST_TO_EVALUATE, Config, fingerprint
from cxrbench.errors import ConfigError

Precision = Literal["float32", "float64"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float64")
BATCHES = 8  # of different images, so that the order of a second epoch differs from that of the first
TEST_SHARE = 0.2
MOST_PIXELS, FEWEST_IMAGES = 2**19, 8  # in a batch at full size


def twin(config: Config, precision: Precision) -> Config:
    """The experiment with the sizes of its ``parity`` section, on phantoms, in deterministic mode.

    Objective, optimizer, kernel size, dropout and seeds stay those of the experiment; only the gate of the
    discriminator is narrower, for it must shut to be compared. TF32 is off, since it rounds more coarsely than the
    bounds allow.

    Raises:
        ConfigError: the sizes of the ``parity`` section do not fit the rest, such as the base size of the generator.
    """
    sizes = config.parity
    settings = _on_phantoms(config, precision, sizes.image_size, sizes.batch_size)
    settings["model"] |= {
        "generator_width": sizes.generator_width,
        "discriminator_width": sizes.discriminator_width,
    }
    settings["objective"] |= {"gate_accuracy": sizes.gate_accuracy}
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{config.name}: parity: its sizes do not suit this experiment: {problem}") from None


def full_size(config: Config) -> Config:
    """The experiment at its own image size and widths, in float64, on phantoms, in deterministic mode."""
    size = config.data.image_size
    return Config.model_validate(_on_phantoms(config, "float64", size, full_size_batch(size, config.train.batch_size)))


def full_size_batch(image_size: int, batch_size: int) -> int:
    """The experiment's own, unless that wants more than a few GiB in float64: at 256x256 it is 8."""
    return min(batch_size, max(MOST_PIXELS // image_size**2, FEWEST_IMAGES))


def _on_phantoms(config: Config, precision: Precision, image_size: int, batch_size: int) -> dict[str, Any]:
    settings = config.model_dump()
    count = max(BATCHES * batch_size / (1 - TEST_SHARE), FEWEST_TO_EVALUATE / TEST_SHARE)
    settings["data"] |= {
        "source": "phantom",
        "image_size": image_size,
        "count": round(count),
        "test_share": TEST_SHARE,
        "views": [],
        "findings": [],
    }
    settings["train"] |= {"batch_size": batch_size}
    settings["compute"] |= {"precision": precision, "tf32": False, "deterministic": True}
    return settings


def twin_fingerprint(config: Config) -> str:
    """What two pieces of evidence must share to be compared: settings of the twins, and how long they are trained."""
    twins = [*(twin(config, precision) for precision in PRECISIONS), full_size(config)]
    trained = [one.training_fingerprint for one in twins]
    return fingerprint([trained, config.parity.model_dump()])
