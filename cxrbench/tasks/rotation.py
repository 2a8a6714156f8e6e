"""Which processes a benchmark starts, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

from cxrbench.config import BenchSetting, Config
from cxrbench.variants import NATIVE, OURS, variants_of

SPEED, MEMORY, LIMIT = "speed", "memory", "limit"
FILES = {SPEED: ["test_speed.py"], MEMORY: ["test_memory.py"], LIMIT: ["test_limit.py", "test_input.py"]}


@dataclass(frozen=True)
class Process:
    """One fresh process: on one variant of one backend, at one setting, once."""

    kind: str  # of ``FILES``, the benchmark files that it runs
    backend: str
    variant: str
    setting: int  # which of ``settings``
    repeat: int

    @property
    def name(self) -> str:
        return f"{self.setting}-{self.kind}-{self.repeat}-{self.backend}-{self.variant}"


def settings(config: Config) -> list[Config]:
    """The experiment at every point of its sweep.

    The gate of the discriminator never shuts in them: where it does, one variant skips more work than another.

    Raises:
        ValidationError: a point of the sweep does not fit the rest, such as the base size of the generator.
    """
    return [_at(config, setting) for setting in config.bench.sweep or [BenchSetting()]]


def rotation(config: Config, backends: list[str]) -> list[Process]:
    """Every process, in the order in which they run.

    Rates of the machine come first. Then, repeat by repeat and setting by setting, all variants of all backends, each
    time beginning with the next (ABC, BCA, CAB): so a drift of the machine falls on all alike, and those that are
    compared run close to each other. Memory has processes of its own, since looking at it costs time.
    """
    contestants = [_contestants(point, backends) for point in settings(config)]
    limits = [Process(LIMIT, backend, OURS, point, 0) for point in range(len(contestants)) for backend in backends]
    timed = [
        Process(SPEED, *one, point, repeat)
        for repeat in range(config.bench.repeats)
        for point, several in enumerate(contestants)
        for one in _rotated(several, repeat)
    ]
    return [
        *limits,
        *timed,
        *(Process(MEMORY, *one, point, 0) for point, several in enumerate(contestants) for one in several),
    ]


def _contestants(config: Config, backends: list[str]) -> list[tuple[str, str]]:
    """Backends and variants at one setting. The hand-written peers are not written for mixed precision."""
    mixed = config.compute.precision == "bfloat16"
    named = [(backend, name) for backend in backends for name in variants_of(backend, config.bench.variants)]
    return [one for one in named if not (mixed and one[1].startswith(NATIVE))]


def _rotated(contestants: list[tuple[str, str]], by: int) -> list[tuple[str, str]]:
    start = by % len(contestants)
    return contestants[start:] + contestants[:start]


def _at(config: Config, setting: BenchSetting) -> Config:
    values = config.model_dump()
    values["objective"]["gate_accuracy"] = 1.0
    for section, key, value in (
        ("data", "image_size", setting.image_size),
        ("train", "batch_size", setting.batch_size),
        ("compute", "precision", setting.precision and setting.precision.replace("tf32", "float32")),
        ("compute", "tf32", setting.precision and setting.precision == "tf32"),
    ):
        if value is not None:
            values[section][key] = value
    return Config.model_validate(values)
