"""The sentences on top of a report. Each number in them comes from the results and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cxrbench.measure.machine import HARDWARE
from cxrbench.quality.registry import METRICS
from cxrbench.report import parity_words
from cxrbench.report.results import OURS, REAL, UNITS, Record, Results
from cxrbench.report.wording import BACKENDS, interval, listing, machine, number, quantity, setting

NOT_FOR_DIAGNOSIS = (
    "Images shown under a backend's name are synthetic, made by a neural network. They show no patient, and nothing "
    "here is for diagnosis."
)

FEWEST_BLOCKS = 6


@dataclass(frozen=True)
class Headline:
    """What a reader takes home: the answer, how sure it is, on what, and how the images compare with real ones.

    ``proof`` says that all backends did the same work; it is empty where that is not shown.
    """

    answer: str
    detail: str
    where: str
    proof: str
    quality: str
    caveats: list[str]


@dataclass(frozen=True)
class Ratio:
    """How many times as long one step takes as another, with its 95 % interval where both have one."""

    value: float
    low: float | None
    high: float | None

    @property
    def clear(self) -> bool:
        """Whether the interval excludes "equally fast"; False where there is no interval."""
        return self.low is not None and self.low > 1.0

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{number(self.value)} times as long"
        return f"{number(self.value)} times as long (95 % interval {number(self.low)} to {number(self.high)})"


def headline(results: Results) -> Headline:
    """The sentences of one report."""
    order = ranking(results)
    return Headline(
        answer=parity_words.refutation(results) or (_answer(order) if order else parity_words.alone(results)),
        detail=_detail(order),
        where=_where(results, order),
        proof=parity_words.proof(results),
        quality=_quality(results),
        caveats=[
            *parity_words.caveats(results),
            *_few_blocks(order),
            *_devices(results),
            *_unlike_training(results),
            *_caveats(results),
        ],
    )


def ranking(results: Results) -> list[Record]:
    """The shared step's times, fastest first, within the one setting that most backends were measured in."""
    settings: dict[str, list[Record]] = {}
    for record in results.records:
        if record.metric == "step_time" and record.variant == OURS:
            settings.setdefault(setting(record), []).append(record)
    largest = max(settings.values(), key=lambda records: len(records), default=[])
    return sorted(largest, key=lambda record: record.value)


def machines(results: Results) -> dict[str, str]:
    """The machine of each backend in one line: where it was timed, or else trained, or else showed its parity."""
    manifest, order = results.manifest, ranking(results)
    facts: dict[str, tuple[dict[str, Any], str]] = {
        backend: (run.machine, run.device) for backend, run in manifest.runs.items()
    }
    facts |= {backend: (timing.machine, timing.engine.device) for backend, timing in manifest.benchmarks.items()}
    if not facts and results.parity:
        facts = {backend: (one.machine, str(one.engine["device"])) for backend, one in results.parity.witnesses.items()}
    # The device that is ranked, for all: a GPU that only one of them used does not make two machines of one.
    return {backend: machine(found, order[0].device if order else device) for backend, (found, device) in facts.items()}


def ratio(slow: Record, fast: Record) -> Ratio:
    """``slow / fast``; the two intervals combine as independent errors of the logarithms.

    An interval's half width on the log scale is taken from its wider side, so a skewed interval is not narrowed.
    """
    value = slow.value / fast.value
    widths = []
    for record in (slow, fast):
        if record.ci_low is None or record.ci_high is None or record.ci_low <= 0:
            return Ratio(value, None, None)
        widths.append(max(math.log(record.ci_high / record.value), math.log(record.value / record.ci_low)))
    width = math.hypot(*widths)
    return Ratio(value, value * math.exp(-width), value * math.exp(width))


def _answer(order: list[Record]) -> str:
    first = BACKENDS[order[0].backend]
    if len(order) == 1:
        return f"{first} took {quantity(order[0].value, 's')} per training step; nothing else was timed beside it."
    second = BACKENDS[order[1].backend]
    lead = ratio(order[1], order[0])
    if lead.low is None:
        return f"{first} had the shortest training step, {second} took {lead}; no interval was measured."
    if not lead.clear:
        return f"{first} and {second} cannot be told apart: {second}'s step took {lead}."
    return f"{first} was fastest: {second}'s training step took {lead}."


def _detail(order: list[Record]) -> str:
    if not order:
        return "Run the benchmark to fill this page."
    times = [
        f"{BACKENDS[record.backend]} {quantity(record.value, record.unit)}"
        + (f" ({interval(record)})" if interval(record) else "")
        for record in order
    ]
    return f"Time per training step with its 95 % interval: {listing(times)}."


def _where(results: Results, order: list[Record]) -> str:
    found = machines(results)
    what = f"; {setting(order[0])}" if order else ""
    if len(set(found.values())) > 1:
        shown = "; ".join(f"{BACKENDS[backend]} on {name}" for backend, name in found.items())
        return f"The machines differ, so these times do not compare the backends: {shown}{what}."
    return f"Measured on {next(iter(found.values()), 'an unnamed machine')}{what}."


def _quality(results: Results) -> str:
    """One sentence on the Fréchet distance, or on whatever distance to real images there is."""
    names = [name for name, one in METRICS.items() if one.against == "reference"]
    for name in sorted(names, key=lambda name: not name.startswith("frechet")):
        figures = [record for record in results.records if record.metric == name]
        real = next((record for record in figures if record.backend == REAL), None)
        made = [record for record in figures if record.backend != REAL]
        if real and made:
            shown = listing([f"{BACKENDS[record.backend]} {number(record.value)}" for record in made])
            return (
                f"{METRICS[name].label}, lower is nearer to real: {shown}; "
                f"real images score {number(real.value)} at the same N = {real.n}."
            )
    return "Image quality was not measured."


def _few_blocks(order: list[Record]) -> list[str]:
    """The extremes of n values hold their median with probability 1 - 2 / 2^n, which reaches 95 % at n = 6 only."""
    fewest = min((record.n for record in order), default=FEWEST_BLOCKS)
    if fewest >= FEWEST_BLOCKS:
        return []
    return [
        f"Timed in only {fewest} blocks: fewer than {FEWEST_BLOCKS} cannot bound a median with 95 % confidence, so the "
        "intervals are too narrow. Raise bench.rounds."
    ]


def _devices(results: Results) -> list[str]:
    """Backends timed on different devices, of which only those of one are ranked."""
    devices = {one.backend: one.device for one in results.records if (one.metric, one.variant) == ("step_time", OURS)}
    if len(set(devices.values())) < 2:
        return []
    shown = listing([f"{BACKENDS[backend]} on {device}" for backend, device in devices.items()])
    return [f"Timed on different devices ({shown}): only backends timed on one device are ranked against each other."]


def _unlike_training(results: Results) -> list[str]:
    """Benchmarks of another version or machine than the training of the same backend."""
    runs, timings = results.manifest.runs, results.manifest.benchmarks
    both = [backend for backend in timings if backend in runs]
    versions = [backend for backend in both if timings[backend].commit != runs[backend].commit]
    hardware = [backend for backend in both if _hardware(timings[backend].machine) != _hardware(runs[backend].machine)]
    return [
        f"{listing([BACKENDS[backend] for backend in backends])}: timed {how} than trained."
        for backends, how in ((versions, "with another version of this project"), (hardware, "on another machine"))
        if backends
    ]


def _hardware(facts: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(facts.get(key) for key in HARDWARE)


def _caveats(results: Results) -> list[str]:
    """What keeps the backends from being equals."""
    runs, timings = results.manifest.runs, results.manifest.benchmarks
    caveats = []
    unfinished = [BACKENDS[backend] for backend, run in runs.items() if run.status not in (None, "finished")]
    if unfinished:
        caveats.append(f"Training has not finished: {listing(unfinished)}.")
    if _differ(run.commit for run in runs.values()) or _differ(one.commit for one in timings.values()):
        caveats.append("The backends ran different versions of this project; the commit of each is listed below.")
    if _differ(_hardware(run.machine) for run in runs.values()):
        caveats.append("The backends were trained on different machines: their training times do not compare.")
    return caveats


def _differ(values: Iterable[Any]) -> bool:
    return len(set(values)) > 1


def is_quality(metric: str) -> bool:
    """Whether a metric's name is one of image quality: every name that is not one of speed or memory."""
    return metric not in UNITS
