"""The experiment: typed, validated and fingerprinted. ``configfile.py`` reads it from TOML."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

FEWEST_TO_EVALUATE = 16  # images per set

# Settings that came after the first reports: where they are off, a training is what it was, and so is its fingerprint.
OFF: dict[str, dict[str, Any]] = {
    "model": {"spectral_norm": False},
    "objective": {"loss": "cross_entropy", "augmentation": [], "gradient_penalty": 0.0, "average_decay": 0.0},
    "optimizer": {"discriminator_rate": 1.0, "half_life": 0},
}

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    """Every table of the file: immutable, strict about types, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class DataConfig(Section):
    """Which images, and how they are packed."""

    source: Literal["phantom", "nih", "folder"]
    image_size: Count
    count: Count
    test_share: Annotated[float, Field(gt=0.0, lt=1.0)]
    seed: Seed
    equalize: bool
    fit: Literal["pad", "crop"]
    views: list[str]
    findings: list[str]
    max_bad_share: Share
    max_missing_share: Share
    max_foreign_share: Share

    @model_validator(mode="after")
    def filters_need_labels(self) -> DataConfig:
        for key in ("views", "findings"):
            if getattr(self, key) and self.source != "nih":
                raise ValueError(f'{key}: only source "nih" can be filtered; remove {key} or set source = "nih"')
        return self


class ModelConfig(Section):
    """Shapes of the generator and the discriminator."""

    latent_dim: Annotated[int, Field(ge=2)]  # between two latents of one number there is no way along a sphere
    base_size: Count
    generator_width: Count
    discriminator_width: Count
    kernel_size: Annotated[int, Field(ge=2)]
    leaky_slope: Share
    dropout: Annotated[float, Field(ge=0.0, le=0.99)]
    batch_norm_momentum: Annotated[float, Field(ge=0.0, lt=1.0)]
    spectral_norm: bool

    @model_validator(mode="after")
    def symmetric_padding(self) -> ModelConfig:
        if self.kernel_size % 2:
            raise ValueError(
                "kernel_size: an odd kernel with stride 2 is padded differently by each backend; use an even one"
            )
        return self


class ObjectiveConfig(Section):
    """Losses and the stabilisations of the training step."""

    loss: Literal["cross_entropy", "hinge"]
    label_smoothing: Annotated[float, Field(ge=0.0, lt=0.5)]
    label_flip: Annotated[float, Field(ge=0.0, lt=0.5)]
    instance_noise: Annotated[float, Field(ge=0.0)]
    generator_updates: Count
    gate_accuracy: Annotated[float, Field(gt=0.5, le=1.0)]
    augmentation: list[Literal["color", "translation", "cutout"]]
    gradient_penalty: Annotated[float, Field(ge=0.0)]
    average_decay: Annotated[float, Field(ge=0.0, lt=1.0)]

    @model_validator(mode="after")
    def no_half_truth_of_a_hinge(self) -> ObjectiveConfig:
        if self.loss == "hinge" and self.label_smoothing:
            raise ValueError("label_smoothing: a hinge knows no half labels; set it to 0.0")
        return self


class OptimizerConfig(Section):
    """Adam, the same for both networks but for the rate; ``half_life`` is in updates of each."""

    learning_rate: Annotated[float, Field(gt=0.0)]
    beta_1: Annotated[float, Field(ge=0.0, lt=1.0)]
    beta_2: Annotated[float, Field(ge=0.0, lt=1.0)]
    epsilon: Annotated[float, Field(gt=0.0)]
    discriminator_rate: Positive
    half_life: Annotated[int, Field(ge=0)]

    def adam(self, network: Literal["generator", "discriminator"]) -> dict[str, float]:
        """The arguments of one network's Adam."""
        times = self.discriminator_rate if network == "discriminator" else 1.0
        own = {"learning_rate": self.learning_rate * times}
        return own | {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class TrainConfig(Section):
    """How long, in which batches, and what is written on the way."""

    seed: Seed
    batch_size: Count
    epochs: Count
    grid_every: Count
    checkpoint_every: Count
    keep_checkpoints: Count


class ComputeConfig(Section):
    """What changes speed and rounding, but not the mathematics."""

    device: Literal["auto", "cpu", "gpu"]
    precision: Literal["float32", "float64", "bfloat16"]
    tf32: bool
    deterministic: bool

    @property
    def dtype(self) -> Literal["float32", "float64"]:
        """Of weights, losses and random numbers: in bfloat16 the layers alone compute in it."""
        return "float32" if self.precision == "bfloat16" else self.precision


class SampleConfig(Section):
    """Images drawn from a trained generator."""

    count: Count
    seed: Seed


class BenchSetting(Section):
    """One point of a sweep: what it names replaces the experiment's own value."""

    image_size: Count | None = None
    batch_size: Count | None = None
    precision: Literal["float32", "tf32", "bfloat16"] | None = None


class BenchConfig(Section):
    """The timing protocol."""

    variants: list[str]
    sweep: list[BenchSetting]
    repeats: Count
    blocks: Annotated[int, Field(ge=3)]
    block_seconds: Positive
    warmup_seconds: Positive
    memory_seconds: Positive
    assumed_steps: Count


class EvaluateConfig(Section):
    """Image quality."""

    count: Annotated[int, Field(ge=FEWEST_TO_EVALUATE)]
    seed: Seed
    target_kid: Positive


class ParityConfig(Section):
    """The small twin of the experiment, trained on every backend beside its own first steps: all do the same work."""

    image_size: Count
    batch_size: Annotated[int, Field(ge=8)]
    generator_width: Count
    discriminator_width: Count
    gate_accuracy: Annotated[float, Field(gt=0.5, le=1.0)]
    float32_steps: Annotated[int, Field(ge=10)]
    float64_steps: Annotated[int, Field(ge=10)]


class Config(Section):
    """One experiment, complete."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    data: DataConfig
    model: ModelConfig
    objective: ObjectiveConfig
    optimizer: OptimizerConfig
    train: TrainConfig
    compute: ComputeConfig
    sample: SampleConfig
    bench: BenchConfig
    evaluate: EvaluateConfig
    parity: ParityConfig

    @model_validator(mode="after")
    def possible_together(self) -> Config:
        size, base = self.data.image_size, self.model.base_size
        doublings = (size // base).bit_length() - 1
        if doublings < 1 or base * 2**doublings != size:
            raise ValueError(
                f"data.image_size: {size} is not model.base_size ({base}) times a power of two; "
                f"allowed are {', '.join(str(base * 2**k) for k in range(1, 7))}, …"
            )
        if self.model.generator_width % 2 ** (doublings - 1):
            raise ValueError(
                f"model.generator_width: {self.model.generator_width} cannot be halved "
                f"{doublings - 1} times on the way to {size}x{size}; use a multiple of {2 ** (doublings - 1)}"
            )
        if self.objective.gradient_penalty and self.compute.precision == "bfloat16":
            raise ValueError(
                "objective.gradient_penalty: it is a small difference of logits, which bfloat16 cannot hold; set it to "
                '0.0, or compute.precision to "float32"'
            )
        testing = round(self.data.count * self.data.test_share)
        training = self.data.count - testing
        if self.data.source == "phantom" and testing < FEWEST_TO_EVALUATE:
            raise ValueError(
                f"data.count: {self.data.count} with data.test_share = {self.data.test_share} holds out "
                f"{testing} images, and evaluate needs {FEWEST_TO_EVALUATE}; raise one of them"
            )
        if self.data.source == "phantom" and self.train.batch_size > training:
            raise ValueError(
                f"train.batch_size: {self.train.batch_size} is more than the {training} training images "
                "of data.count and data.test_share; lower it or raise data.count"
            )
        return self

    @property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of every setting, in canonical JSON."""
        return fingerprint(self.model_dump(mode="json"))

    @property
    def training_fingerprint(self) -> str:
        """Like ``fingerprint``, of the settings that decide what the weights are after a given step.

        A run may go on for more epochs, or be sampled otherwise, under the same training fingerprint.
        """
        return fingerprint(deciding_settings(self.model_dump(mode="json")))


def deciding_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Of a configuration as JSON has it, the settings that decide what the weights are after a given step.

    What ``OFF`` names is left out where it is off, so a configuration of before it came is the same as one of after.
    """
    settings = {section: config[section] for section in ("data", "model", "objective", "optimizer")}
    for section, off in OFF.items():
        settings[section] = {key: value for key, value in settings[section].items() if off.get(key) != value}
    settings["train"] = {key: config["train"][key] for key in ("seed", "batch_size")}
    settings["compute"] = {key: config["compute"][key] for key in ("precision", "tf32")}
    return settings


def seedless_fingerprint(config: dict[str, Any]) -> str:
    """Like ``Config.training_fingerprint``, of a configuration as JSON has it, whatever its seed of training."""
    settings = deciding_settings(config)
    del settings["train"]["seed"]
    return fingerprint(settings)


def fingerprint(value: Any) -> str:
    """16 hexadecimal digits that change when any part of a JSON-like value changes."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
