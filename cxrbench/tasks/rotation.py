"""Which processes a benchmark starts, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxrbench.config import BenchSetting, Config
from cxrbench.errors import ConfigError
from cxrbench.native import unknown_to_peers
from cxrbench.variants import FIT, NATIVE, OURS, variants_of

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

    @property
    def cache(self) -> str:
        """The compile cache that all repeats of a variant use, one after the other; the first finds it empty."""
        return f"{self.setting}-{self.kind}-{self.backend}-{self.variant}"


def settings(config: Config) -> list[Config]:
    """The experiment at every point of its sweep.

    The gate of the discriminator never shuts in them: where it does, one variant skips more work than another.

    Raises:
        ValidationError: a point of the sweep does not fit the rest, such as the base size of the generator.
        ConfigError: two points are the same.
    """
    points = [_at(config, setting) for setting in config.bench.sweep or [BenchSetting()]]
    for number, point in enumerate(points):
        if point in points[:number]:
            raise ConfigError(f"bench.sweep: point {number} is the same as point {points.index(point)}; leave one out")
    return points


def rotation(config: Config, backends: list[str]) -> list[Process]:
    """Every process, in the order in which they run.

    Rates of the machine come first. Then, repeat by repeat and setting by setting, all variants of all backends, each
    time beginning further on (ABC, BCA, CAB; the beginnings of all repeats lie evenly over the variants): so a drift
    of the machine falls on all alike, and those that are compared run close to each other. Memory has processes of its
    own, since looking at it costs time.

    Raises:
        ConfigError: a backend has none of the variants that are asked for.
    """
    contestants = [_contestants(point, backends) for point in settings(config)]
    limits = [Process(LIMIT, backend, OURS, point, 0) for point in range(len(contestants)) for backend in backends]
    timed = [
        Process(SPEED, *one, point, repeat)
        for repeat in range(config.bench.repeats)
        for point, several in enumerate(contestants)
        for one in _rotated(several, repeat, config.bench.repeats)
    ]
    return [
        *limits,
        *timed,
        *(Process(MEMORY, *one, point, 0) for point, several in enumerate(contestants) for one in several),
    ]


def _contestants(config: Config, backends: list[str]) -> list[tuple[str, str]]:
    """Backends and variants at one setting: of the peers, those that are written for it."""
    mixed, unknown = config.compute.precision == "bfloat16", unknown_to_peers(config)
    unwritten = (NATIVE, FIT) if unknown else (NATIVE,) if mixed else ()

    def can(backend: str, asked: Sequence[str] = ()) -> list[tuple[str, str]]:
        return [(backend, name) for name in variants_of(backend, asked) if not name.startswith(unwritten)]

    chosen = [can(backend, config.bench.variants) for backend in backends]
    for backend, own in zip(backends, chosen, strict=True):
        if not own:
            raise ConfigError(
                f"bench.variants: none of {', '.join(config.bench.variants)} can be measured on {backend} with "
                f"{', '.join(unknown) or config.compute.precision}; add one of "
                f"{', '.join(name for _, name in can(backend))}, or leave the backend out"
            )
    return [one for own in chosen for one in own]


def _rotated(contestants: list[tuple[str, str]], repeat: int, repeats: int) -> list[tuple[str, str]]:
    count = len(contestants)
    start = repeat % count if repeats > count else round(repeat * count / repeats)
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
