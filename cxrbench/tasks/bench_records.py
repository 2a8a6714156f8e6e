"""What the processes of a benchmark left -> tidy records of one backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from cxrbench.measure import state
from cxrbench.measure.memory import growth
from cxrbench.measure.roofline import Rates, best_rates, limit
from cxrbench.measure.statistics import Interval, process_interval, ratio_interval
from cxrbench.measure.work import training_step
from cxrbench.report.results import RATES
from cxrbench.tasks.bench_raw import Group, Raw, grouped
from cxrbench.tasks.rotation import LIMIT, SPEED
from cxrbench.variants import OURS

NO_DEVICE_MEMORY = "the engine runs on the CPU, where there is no device memory; see peak_host_memory"
NOT_MIXED = "the hand-written peers are not written for mixed bfloat16"
STATE = ("load", "others_percent", "clock_mhz", "temperature_celsius", "heat_throttles", "gpus")


class Gap(NamedTuple):
    """What was not measured: a metric or a whole variant, and why."""

    metric: str
    reason: str


def summarise(backend: str, raws: list[Raw]) -> dict[str, Any]:
    """Records, what was not measured and why, and every timed block of one backend, as ``stages.Benchmark`` has them.

    Args:
        raws: of all backends, for the best rates of the machine are those of any.
    """
    records: list[dict[str, Any]] = []
    gaps = [
        Gap(f"bench, {raw.process.variant}", _why(raw)) for raw in raws if raw.process.backend == backend and raw.failed
    ]
    for point in sorted({raw.process.setting for raw in raws}):
        well = [raw for raw in raws if raw.process.setting == point and not raw.failed]
        if any(raw.config.compute.precision == "bfloat16" for raw in well):
            gaps.append(Gap("bench, native", NOT_MIXED))
        groups = grouped(well, backend)
        for group in groups:
            records += [*_speed(group), *_start(group), *_memory(group, gaps), *_energy(group, gaps)]
            records += [*_pipeline(group), *_limits(group, _rates(well, group.device))]
            records += _ratio(group, groups)
    return {
        "records": records,
        "not_measured": [
            {"backend": backend, "metric": gap.metric, "reason": gap.reason} for gap in dict.fromkeys(gaps)
        ],
        "processes": [
            _process(place, raw)
            for place, raw in enumerate(raws)
            if raw.process.kind == SPEED and raw.process.backend == backend and not raw.failed
        ],
    }


def _rates(raws: list[Raw], device: str) -> Rates | None:
    """The machine's best on this device, over all backends; None where no process measured them."""
    entries = [entry for raw in raws if raw.process.kind == LIMIT for entry in raw.content["benchmarks"]]
    here = [entry for entry in entries if entry["extra_info"].get("device") == device]
    return best_rates(here) if here else None


def _speed(group: Group) -> Iterator[dict[str, Any]]:
    batch, blocks = group.config.train.batch_size, group.blocks
    medians = [float(np.median(one)) for one in blocks]
    step = process_interval(blocks)
    yield group.record("step_time", step, medians)
    yield group.record("images_per_second", _inverse(step, batch), [batch / value for value in medians])
    if group.speed[0].has("test_sampling"):
        images = [raw.per("test_sampling", "images") for raw in group.speed]
        rates = [float(1 / np.median(one)) for one in images]
        yield group.record("sampling_throughput", _inverse(process_interval(images), 1), rates)


def _start(group: Group) -> Iterator[dict[str, Any]]:
    """What comes before the steady state, each once per process."""
    cold = [raw for raw in group.speed if raw.process.repeat == 0]  # found an empty compile cache
    cached = [raw for raw in group.speed if raw.process.repeat > 0]
    for metric, test, raws in (
        ("import_time", "test_import", group.speed),
        ("build_time", "test_build", group.speed),
        ("first_step_time", "test_first_step", cold),
        ("cached_first_step_time", "test_first_step", cached),
        ("first_sample_time", "test_first_sample", group.speed),
    ):
        once = [raw.seconds(test) for raw in raws if raw.has(test)]
        if once:
            yield group.record(metric, process_interval(once), [one[0] for one in once])


def _ratio(group: Group, groups: list[Group]) -> Iterator[dict[str, Any]]:
    """Ours over another variant, repeat by repeat, since those ran close to each other."""
    ours = groups[0]
    if ours.variant == OURS and group.variant != OURS:
        by_repeat = [{raw.process.repeat: raw.per("test_step", "steps") for raw in one.speed} for one in (ours, group)]
        both = sorted(by_repeat[0].keys() & by_repeat[1].keys())
        if both:
            left, right = ([one[repeat] for repeat in both] for one in by_repeat)
            values = [float(np.median(a) / np.median(b)) for a, b in zip(left, right, strict=True)]
            yield group.record("step_time_ratio", ratio_interval(left, right), values)


def _memory(group: Group, gaps: list[Gap]) -> Iterator[dict[str, Any]]:
    for raw in group.memory:
        extra = raw.extra("test_memory")
        yield group.record("peak_host_memory", extra["peak_host_memory"])
        late = slice(len(extra["steps"]) // 2, None)  # until then pools fill
        steps, resident = extra["steps"][late], extra["resident"][late]
        yield group.record("memory_growth", growth(steps, resident), n=len(steps))
        for metric in ("peak_device_memory", "driver_memory"):
            if extra[metric] is not None:
                yield group.record(metric, extra[metric])
            elif group.device == "cpu":
                gaps.append(Gap(metric, NO_DEVICE_MEMORY))
            else:
                gaps.append(Gap(metric, "the engine or the driver does not tell it here"))


def _energy(group: Group, gaps: list[Gap]) -> Iterator[dict[str, Any]]:
    """Joules of all parts that could be read, per 1,000 images."""
    values = []
    for raw in group.speed:
        extra = raw.extra("test_step")
        images = extra["steps"] * len(raw.seconds("test_step")) * group.config.train.batch_size
        if extra["joules"]:
            values.append(1000 * sum(extra["joules"].values()) / images)
        if extra["no_energy"]:
            gaps.append(Gap("energy", extra["no_energy"]))
    if values:
        yield group.record("energy", process_interval([[value] for value in values]), values)


def _pipeline(group: Group) -> Iterator[dict[str, Any]]:
    for raw in group.limit:
        images = raw.per("test_input", "images")
        yield group.record("input_throughput", float(1 / np.median(images)))


def _limits(group: Group, machine: Rates | None) -> Iterator[dict[str, Any]]:
    """The rates that this backend reached, and the share of the machine's limit that the step reached."""
    for raw in group.limit:
        own = best_rates(raw.content["benchmarks"])
        for kind, metric in RATES.items():
            yield group.record(metric, getattr(own, kind).value)
    if machine:
        least = limit(training_step(group.config), machine)
        step = process_interval(group.blocks)
        yield group.record("limit_share", _inverse(step, least.seconds), n=len(group.blocks))


def _process(place: int, raw: Raw) -> dict[str, Any]:
    extra = raw.extra("test_step")
    group = Group(raw.process.variant, raw.config, [raw], [], [])
    described = group.record("step_time", 1.0)
    return {
        "session": raw.content["session"],
        **{key: described[key] for key in ("backend", "variant", "precision", "image_size", "batch_size")},
        "repeat": raw.process.repeat,
        "place": place,
        "compiled": extra["engine"]["compiled"],
        "warmup_steps": extra["warmup_steps"],
        "warm": extra["warm"],
        "block_steps": extra["steps"],
        "step_times": raw.per("test_step", "steps"),
        "concerns": state.concerns(raw.content["before"], raw.content["after"]),
        **{when: {key: raw.content[when].get(key) for key in STATE} for when in ("before", "after")},
    }


def _inverse(found: Interval, numerator: float) -> Interval:
    """``numerator`` over a figure and its interval."""
    return Interval(numerator / found.value, numerator / found.high, numerator / found.low)


def _why(raw: Raw) -> str:
    return f"the process {raw.process.name} failed: {raw.content['failed']}"
