"""The small twin of an experiment: its definition and settings at sizes that a CPU trains in a minute."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from cxrbench.config import Config, fingerprint
from cxrbench.errors import ConfigError

Precision = Literal["float32", "float64"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float64")
BATCHES = 8  # of different images, so that the order of a second epoch differs from that of the first
TEST_SHARE = 0.2


def twin(config: Config, precision: Precision) -> Config:
    """The experiment with the sizes of its ``parity`` section, on phantoms, in deterministic mode.

    Objective, optimizer, kernel size, dropout and seeds stay those of the experiment; only the gate of the
    discriminator is narrower, for it must shut to be compared. TF32 is off, since it rounds more coarsely than the
    bounds allow.

    Raises:
        ConfigError: the sizes of the ``parity`` section do not fit the rest, such as the base size of the generator.
    """
    sizes = config.parity
    settings = config.model_dump()
    settings["data"] |= {
        "source": "phantom",
        "image_size": sizes.image_size,
        "count": round(BATCHES * sizes.batch_size / (1 - TEST_SHARE)),
        "test_share": TEST_SHARE,
        "views": [],
        "findings": [],
    }
    settings["model"] |= {
        "generator_width": sizes.generator_width,
        "discriminator_width": sizes.discriminator_width,
    }
    settings["objective"] |= {"gate_accuracy": sizes.gate_accuracy}
    settings["train"] |= {"batch_size": sizes.batch_size}
    settings["compute"] |= {"precision": precision, "tf32": False, "deterministic": True}
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{config.name}: parity: its sizes do not suit this experiment: {problem}") from None


def twin_fingerprint(config: Config) -> str:
    """What two pieces of evidence must share to be compared: settings of the twins, and how long they are trained."""
    trained = [twin(config, precision).training_fingerprint for precision in PRECISIONS]
    return fingerprint([trained, config.parity.model_dump()])
