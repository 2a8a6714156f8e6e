"""``bench.json`` as the benchmark leaves it, with figures chosen here: two settings, every variant, five processes."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from cxrbench.config import Config
from cxrbench.measure.roofline import Rate, Rates, limit
from cxrbench.measure.work import training_step
from cxrbench.report.results import UNITS

BACKENDS = ["jax", "torch", "tensorflow"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MACHINE = {
    "cpu": "Imaginary CPU 3000",
    "cores": 2,
    "memory_bytes": 8 * 2**30,
    "gpu": None,
    "driver": None,
    "os": "Linux 6.1",
    "python": "3.11.9",
}
COMPILED = {"jax": "XLA, one program per step", "torch": "one graph by make_fx", "tensorflow": "tf.function, one graph"}
STEP_TIME = {"jax": (0.0621, 0.0610, 0.0634), "torch": (0.1107, 0.1080, 0.1150), "tensorflow": (0.1240, 0.1225, 0.1262)}
LARGE = (64, 4)  # image and batch size of the second setting, where another backend is the fastest
LARGE_STEP_TIME = {"jax": 0.0940, "torch": 0.0705, "tensorflow": 0.0890}
# Of the time of ours. Ours against the native mode of TensorFlow is the one pair that cannot be told apart.
VARIANTS = {
    "jax": {"ours": 1.0, "keras-fit": 1.5, "native-jit": 0.9},
    "torch": {"ours": 1.0, "keras-fit": 2.5, "native-eager": 1.6, "native-compile": 1.25},
    "tensorflow": {"ours": 1.0, "keras-fit": 2.0, "keras-fit-xla": 8.0, "native-graph": 1.0, "native-xla": 1.3},
}
DRIFT = (0.985, 1.0, 1.01, 0.995, 1.02)  # of the machine, by repeat: all that ran side by side have it alike
NOISE = {  # of some alone, by repeat
    ("torch", "ours"): (1.0, 1.01, 0.99, 1.005, 0.995),
    ("tensorflow", "native-graph"): (1.03, 0.98, 1.0, 0.97, 1.02),
}
BLOCKS = (0.998, 1.0, 1.001, 1.003, 0.999)
RATES = {"convolution": (60e9, 50e9, 40e9), "gemm": (70e9, 90e9, 80e9), "copy": (9e9, 8e9, 10e9)}  # by backend
MEMORY = {"jax": 1.4e9, "torch": 1.9e9, "tensorflow": 1.7e9}


def record(config: Config, backend: str, metric: str, value: float, **changes: Any) -> dict[str, Any]:
    """One benchmark record."""
    return {
        "backend": backend,
        "variant": "ours",
        "device": "cpu",
        "precision": "float32",
        "image_size": config.data.image_size,
        "batch_size": config.train.batch_size,
        "metric": metric,
        "unit": UNITS[metric],
        "value": value,
        "ci_low": None,
        "ci_high": None,
        "n": 10,
        "values": [],
    } | changes


def timing(config: Config, backend: str, **changes: Any) -> dict[str, Any]:
    """Where and how the benchmark ran."""
    return {
        "training_fingerprint": config.training_fingerprint,
        "commit": COMMIT,
        "clean": True,
        "versions": {"python": "3.11.9", "keras": "3.15.1", backend: "1.2.3"},
        "machine": MACHINE,
        "environment": {"KERAS_BACKEND": backend},
        "engine": {"engine": f"{backend} 1.2.3", "device": "cpu", "compiled": COMPILED[backend]},
    } | changes


def bench_json(config: Config, backend: str) -> dict[str, Any]:
    """What the benchmark writes of one backend."""
    gaps = {
        "peak_device_memory": "the CPU has no memory of its own; see peak_host_memory",
        "energy": "not readable here: no counter of energy",
    }
    each = [(at, variant) for at in settings(config) for variant in VARIANTS[backend]]
    return timing(config, backend) | {
        "config": config.model_dump(mode="json"),
        "records": [one for at, variant in each for one in _records(at, config, backend, variant)],
        "not_measured": [{"backend": backend, "metric": one, "reason": why} for one, why in gaps.items()],
        "processes": [process(at, config, backend, variant, repeat) for at, variant in each for repeat in range(5)],
    }


def benchmarked(config: Config) -> dict[str, Any]:
    """``results.json`` of a benchmark alone."""
    made = {backend: bench_json(config, backend) for backend in BACKENDS}
    about = {
        "name": "mine", "created": "2026-01-02T03:04:05+00:00", "commit": COMMIT, "clean": True,
        "config": config.model_dump(mode="json"), "config_fingerprint": config.fingerprint, "data_fingerprint": None,
        "attribution": None, "command": "-", "runs": {},
        "benchmarks": {backend: timing(config, backend) for backend in BACKENDS},
    }  # fmt: skip
    parts = {
        key: [one for part in made.values() for one in part[key]] for key in ("records", "not_measured", "processes")
    }
    return {"manifest": about} | parts


def settings(config: Config) -> list[Config]:
    """The experiment's own sizes, and larger images in smaller batches."""
    values = config.model_dump()
    values["data"]["image_size"], values["train"]["batch_size"] = LARGE
    return [config, Config.model_validate(values)]


def step_time(at: Config, config: Config, backend: str, variant: str) -> float:
    """The median over processes."""
    return float(np.median([_step_time(at, config, backend, variant, repeat) for repeat in range(len(DRIFT))]))


def process(at: Config, config: Config, backend: str, variant: str, repeat: int, **changes: Any) -> dict[str, Any]:
    """One process of the benchmark, at its place in the rotated order."""
    contestants = [(one, name) for one in BACKENDS for name in VARIANTS[one]]
    turn = (contestants.index((backend, variant)) - repeat) % len(contestants)
    before = (2 * repeat + (at is not config)) * len(contestants)
    time = _step_time(at, config, backend, variant, repeat)
    return {
        "session": "2026-01-02T02:00:00+00:00",
        "backend": backend,
        "variant": variant,
        "precision": "float32",
        "image_size": at.data.image_size,
        "batch_size": at.train.batch_size,
        "repeat": repeat,
        "place": 2 * len(BACKENDS) + before + turn,
        "compiled": COMPILED[backend] if variant == "ours" else f"{variant} of {backend}",
        "warmup_steps": 20,
        "warm": True,
        "block_steps": 8,
        "step_times": [time * noise for noise in BLOCKS],
        "concerns": [],
        "before": {"load": 0.1},
        "after": {"load": 1.9},
    } | changes


def _step_time(at: Config, config: Config, backend: str, variant: str, repeat: int) -> float:
    ours = STEP_TIME[backend][0] if at is config else LARGE_STEP_TIME[backend]
    noise = NOISE.get((backend, variant), (1.0,) * len(DRIFT))
    return ours * VARIANTS[backend][variant] * DRIFT[repeat] * noise[repeat]


def _records(at: Config, config: Config, backend: str, variant: str) -> Iterator[dict[str, Any]]:
    def made(metric: str, value: float, **changes: Any) -> dict[str, Any]:
        return record(at, backend, metric, value, **({"variant": variant, "n": 1} | changes))

    def measured(metric: str, values: list[float], **changes: Any) -> dict[str, Any]:
        ends = {"ci_low": min(values), "ci_high": max(values), "n": len(values), "values": values}
        return made(metric, float(np.median(values)), **(ends | changes))

    times = [_step_time(at, config, backend, variant, repeat) for repeat in range(len(DRIFT))]
    _, low, high = STEP_TIME[backend]
    yield measured(
        "step_time", times, **({"ci_low": low, "ci_high": high} if (at, variant) == (config, "ours") else {})
    )
    yield made("first_step_time", 40 * times[1])
    yield made("import_time", 2.5)
    yield made("build_time", 0.5)
    yield measured("images_per_second", [at.train.batch_size / time for time in times])
    yield made("peak_host_memory", MEMORY[backend] * (1.0 if at is config else 1.5))
    yield made("memory_growth", -2e4, ci_low=-3e5, ci_high=2e5, n=40)
    yield made("limit_share", least_time(at) / np.median(times), n=5)
    if variant == "ours":
        yield measured("sampling_throughput", [6 * at.train.batch_size / time for time in times])
        yield made("first_sample_time", 1.5)
        yield made("input_throughput", 20 * at.train.batch_size / times[1])
        yield from (made(f"{kind}_rate", rates[BACKENDS.index(backend)]) for kind, rates in RATES.items())
    else:
        ours = [_step_time(at, config, backend, "ours", repeat) for repeat in range(len(DRIFT))]
        yield measured("step_time_ratio", [one / other for one, other in zip(ours, times, strict=True)])


def least_time(at: Config) -> float:
    """Seconds of a step at the best rates of all backends."""
    return limit(training_step(at), Rates(**{kind: Rate(max(rates), "") for kind, rates in RATES.items()})).seconds
